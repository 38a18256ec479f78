#include "common/uv/tls/tls_options.h"

namespace daphnis::uv {

CLI::Option* add_tls_files(SettingsReader& reader, TlsFiles& files) {
  CLI::Option* certificate = reader.add(
      "tls-cert", files.certificates,
      "File of a certificate and what leads to its CA (PEM); repeated for further names");
  CLI::Option* key = reader.add(
      "tls-key", files.keys, "File of the key of each --tls-cert, which others may not read (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  reader
      .add("tls-ticket-keys", files.ticket_keys,
           "File of keys, 80 random bytes each, by which all processes resume TLS sessions")
      ->needs(certificate);
  return certificate;
}

CLI::Option* add_l2_client_ca(SettingsReader& reader, std::string& file) {
  return reader.add(
      "l2-client-ca", file,
      "File of the CAs of which L2s must show a certificate (PEM), with --l2-auth mtls");
}

}  // namespace daphnis::uv

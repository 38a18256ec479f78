#include "common/uv/tls/tls_files.h"

#include <utility>

#include "common/base/limits.h"
#include "common/uv/files/small_file.h"

namespace daphnis::uv {

Result<tls::CertificateText> read_certificate_files(const std::string& chain,
                                                    const std::string& key) {
  auto chain_text = read_small_file(chain, limits::kTlsFileBytesMax, Secrecy::kNone);
  if (!chain_text) return std::unexpected(chain_text.error());
  auto key_text = read_small_file(key, limits::kTlsFileBytesMax, Secrecy::kSecret);
  if (!key_text) return std::unexpected(key_text.error());
  return tls::CertificateText{.chain = std::move(*chain_text),
                              .key = std::move(*key_text),
                              .chain_name = chain,
                              .key_name = key};
}

Result<std::string> read_ca_file(const std::string& path) {
  auto ca = read_small_file(path, limits::kTlsFileBytesMax, Secrecy::kNone);
  if (ca && ca->empty()) return fail(Errc::kMalformed, path + " is empty");
  return ca;
}

Result<std::shared_ptr<const tls::Context>> read_server_context(const TlsFiles& files) {
  if (files.certificates.size() != files.keys.size()) {
    return fail(Errc::kInvalid, "there must be as many --tls-key as --tls-cert");
  }
  tls::ServerSettings settings;
  for (size_t i = 0; i < files.keys.size(); ++i) {
    auto certificate = read_certificate_files(files.certificates[i], files.keys[i]);
    if (!certificate) return std::unexpected(certificate.error());
    settings.certificates.push_back(std::move(*certificate));
  }
  if (!files.ticket_keys.empty()) {
    const auto file =
        read_small_file(files.ticket_keys, limits::kTlsFileBytesMax, Secrecy::kSecret);
    if (!file) return std::unexpected(file.error());
    auto keys = tls::TicketKeys::parse(as_bytes(*file));
    if (!keys) {
      return fail(keys.error().code, files.ticket_keys + ": " + keys.error().detail);
    }
    settings.ticket_keys = std::move(*keys);
  }
  if (!files.client_ca.empty()) {
    auto ca = read_ca_file(files.client_ca);
    if (!ca) return std::unexpected(ca.error());
    settings.client_ca = std::move(*ca);
    settings.client_ca_name = files.client_ca;
  }
  return tls::server_context(settings);
}

}  // namespace daphnis::uv

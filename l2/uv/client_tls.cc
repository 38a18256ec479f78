#include "l2/uv/client_tls.h"

#include <utility>

#include "common/uv/tls/tls_files.h"

namespace daphnis::l2 {

Result<std::shared_ptr<const tls::Context>> read_client_context(const ClientTlsFiles& files) {
  tls::ClientSettings settings;
  if (!files.ca.empty()) {
    auto ca = uv::read_ca_file(files.ca);
    if (!ca) return std::unexpected(ca.error());
    settings.ca = std::move(*ca);
    settings.ca_name = files.ca;
  }
  if (!files.certificate.empty()) {
    auto certificate = uv::read_certificate_files(files.certificate, files.key);
    if (!certificate) return std::unexpected(certificate.error());
    settings.certificate = std::move(*certificate);
  }
  return tls::client_context(settings);
}

}  // namespace daphnis::l2

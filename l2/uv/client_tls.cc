#include "l2/uv/client_tls.h"

#include <utility>

#include "common/base/limits.h"
#include "common/uv/files/small_file.h"

namespace daphnis::l2 {

Result<std::shared_ptr<const tls::Context>> read_client_context(const ClientTlsFiles& files) {
  tls::ClientSettings settings;
  if (!files.ca.empty()) {
    auto ca = uv::read_small_file(files.ca, limits::kTlsFileBytesMax, uv::Secrecy::kNone);
    if (!ca) return std::unexpected(ca.error());
    if (ca->empty()) return fail(Errc::kMalformed, files.ca + " is empty");
    settings.ca = std::move(*ca);
    settings.ca_name = files.ca;
  }
  if (!files.certificate.empty()) {
    auto chain =
        uv::read_small_file(files.certificate, limits::kTlsFileBytesMax, uv::Secrecy::kNone);
    if (!chain) return std::unexpected(chain.error());
    auto key = uv::read_small_file(files.key, limits::kTlsFileBytesMax, uv::Secrecy::kSecret);
    if (!key) return std::unexpected(key.error());
    settings.certificate = {.chain = std::move(*chain),
                            .key = std::move(*key),
                            .chain_name = files.certificate,
                            .key_name = files.key};
  }
  return tls::client_context(settings);
}

}  // namespace daphnis::l2

#include "common/uv/tls/tls_files.h"

#include <utility>

#include "common/base/limits.h"
#include "common/uv/files/small_file.h"

namespace daphnis::uv {

Result<std::shared_ptr<const tls::Context>> read_server_context(const TlsFiles& files) {
  if (files.certificates.size() != files.keys.size()) {
    return fail(Errc::kInvalid, "there must be as many --tls-key as --tls-cert");
  }
  tls::ServerSettings settings;
  for (size_t i = 0; i < files.keys.size(); ++i) {
    const std::string& path = files.certificates[i];
    auto chain = read_small_file(path, limits::kTlsFileBytesMax, Secrecy::kNone);
    if (!chain) return std::unexpected(chain.error());
    auto key = read_small_file(files.keys[i], limits::kTlsFileBytesMax, Secrecy::kSecret);
    if (!key) return std::unexpected(key.error());
    settings.certificates.push_back({.chain = std::move(*chain),
                                     .key = std::move(*key),
                                     .chain_name = path,
                                     .key_name = files.keys[i]});
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
    auto ca = read_small_file(files.client_ca, limits::kTlsFileBytesMax, Secrecy::kNone);
    if (!ca) return std::unexpected(ca.error());
    if (ca->empty()) return fail(Errc::kMalformed, files.client_ca + " is empty");
    settings.client_ca = std::move(*ca);
    settings.client_ca_name = files.client_ca;
  }
  return tls::server_context(settings);
}

}  // namespace daphnis::uv

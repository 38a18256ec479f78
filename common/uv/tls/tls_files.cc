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

Result<ServerContexts> read_server_contexts(const TlsFiles& files) {
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
  auto for_clients = tls::server_context(settings);
  if (!for_clients) return std::unexpected(for_clients.error());
  if (files.l2_ca.empty()) return ServerContexts{*for_clients, *for_clients};
  auto ca = read_ca_file(files.l2_ca);
  if (!ca) return std::unexpected(ca.error());
  settings.client_ca = std::move(*ca);
  settings.client_ca_name = files.l2_ca;
  auto for_l2s = tls::server_context(settings);
  if (!for_l2s) return std::unexpected(for_l2s.error());
  return ServerContexts{std::move(*for_clients), std::move(*for_l2s)};
}

std::optional<ServerContexts> reread_server_contexts(const TlsFiles& files, Log& log) {
  auto contexts = read_server_contexts(files);
  if (!contexts) {
    log.error(LogLine("certificates_not_reloaded").add("why", contexts.error().text()));
    return std::nullopt;
  }
  log.info(LogLine("certificates_reloaded").add("count", files.certificates.size()));
  return std::move(*contexts);
}

}  // namespace daphnis::uv

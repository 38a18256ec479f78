#include "broker/uv/l2_auth_files.h"

#include <utility>

#include "common/base/limits.h"
#include "common/uv/files/small_file.h"

namespace daphnis::broker::uv {
namespace {

using daphnis::uv::read_small_file;
using daphnis::uv::Secrecy;

/// Prefixes an error of a file's contents with the file's name.
std::unexpected<Error> in_file(const std::string& path, Error error) {
  error.detail = path + ": " + error.detail;
  return std::unexpected(std::move(error));
}

Result<L2List> read_list(const std::string& path, L2List::Lines lines) {
  const auto text = read_small_file(path, limits::kL2ListFileBytesMax, Secrecy::kNone);
  if (!text) return std::unexpected(text.error());
  auto list = L2List::parse(*text, lines);
  if (!list) return in_file(path, list.error());
  return list;
}

}  // namespace

Result<TokenSecrets> read_secrets(const std::string& path) {
  const auto text = read_small_file(path, limits::kL2TokenFileBytesMax, Secrecy::kSecret);
  if (!text) return std::unexpected(text.error());
  auto secrets = TokenSecrets::parse(*text);
  if (!secrets) return in_file(path, secrets.error());
  return secrets;
}

L2AuthReload reread_l2_auth(const L2AuthSettings& settings, const L2Auth& now) {
  L2AuthReload reload{.auth = now};
  if (settings.mode == L2AuthMode::kOpen) return reload;
  const auto take = [&](auto read, auto set) {
    if (read) {
      set(std::move(*read));
    } else {
      reload.errors.push_back(std::move(read.error()));
    }
  };
  if (settings.mode == L2AuthMode::kToken) {
    take(read_secrets(settings.secrets),
         [&](TokenSecrets secrets) { reload.auth.set_secrets(std::move(secrets)); });
  }
  if (!settings.revoked.empty()) {
    take(read_list(settings.revoked, L2List::Lines::kIdsAndTokens),
         [&](L2List list) { reload.auth.set_revoked(std::move(list)); });
  }
  if (!settings.exempt.empty()) {
    take(read_list(settings.exempt, L2List::Lines::kIds),
         [&](L2List list) { reload.auth.set_exempt(std::move(list)); });
  }
  return reload;
}

Result<L2Auth> read_l2_auth(const L2AuthSettings& settings) {
  if (settings.mode == L2AuthMode::kOpen) return L2Auth();
  L2AuthReload read = reread_l2_auth(settings, settings.mode == L2AuthMode::kToken
                                                   ? L2Auth::by_token({}, settings.successor_days)
                                                   : L2Auth::by_certificate());
  if (!read.errors.empty()) return std::unexpected(std::move(read.errors.front()));
  return std::move(read.auth);
}

}  // namespace daphnis::broker::uv

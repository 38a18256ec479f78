#include "broker/uv/l2_auth_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/base/limits.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {
namespace {

/// Opens a regular file; a FIFO of that name does not hang us.
Result<daphnis::uv::UniqueFd> open_to_read(const std::string& path, struct stat& about) {
  daphnis::uv::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file || ::fstat(file.get(), &about) != 0) return fail_sys(errno, "cannot open " + path);
  if (!S_ISREG(about.st_mode)) return fail(Errc::kInvalid, path + " is not a regular file");
  return file;
}

Result<std::string> read_all(const daphnis::uv::UniqueFd& file, const std::string& path,
                             size_t bytes_max) {
  std::string text;
  char piece[16 * limits::kKiB];
  while (true) {
    const ssize_t got = ::read(file.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_sys(errno, "cannot read " + path);
    if (got == 0) return text;
    text.append(piece, static_cast<size_t>(got));
    if (text.size() > bytes_max) {
      return fail(Errc::kTooLarge, fmt::format("{} is larger than {} bytes", path, bytes_max));
    }
  }
}

/// True where systemd has put the file there for us, and for nobody else.
bool is_credential(const std::string& path) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0') return false;
  std::error_code ignored;
  const auto real = std::filesystem::weakly_canonical(path, ignored);
  const auto real_folder = std::filesystem::weakly_canonical(folder, ignored);
  return !real.empty() && real.parent_path() == real_folder;
}

Result<void> check_secrecy(const std::string& path, const struct stat& about) {
  const bool is_ours = about.st_uid == ::geteuid() || about.st_uid == 0 || ::geteuid() == 0;
  if (!is_ours) {
    return fail(
        Errc::kInvalid,
        fmt::format("{} belongs to user {} and we run as user {}: give it to us (chown {} {})",
                    path, about.st_uid, ::geteuid(), ::geteuid(), path));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) == 0 || is_credential(path)) return {};
  return fail(Errc::kInvalid,
              fmt::format("{} holds secrets and others may use it (mode {:04o}): chmod 600 {}",
                          path, about.st_mode & 07777U, path));
}

/// Prefixes an error of a file's contents with the file's name.
std::unexpected<Error> in_file(const std::string& path, Error error) {
  error.detail = path + ": " + error.detail;
  return std::unexpected(std::move(error));
}

Result<L2List> read_list(const std::string& path, L2List::Lines lines) {
  struct stat about {};
  const auto file = open_to_read(path, about);
  if (!file) return std::unexpected(file.error());
  const auto text = read_all(*file, path, limits::kL2ListFileBytesMax);
  if (!text) return std::unexpected(text.error());
  auto list = L2List::parse(*text, lines);
  if (!list) return in_file(path, list.error());
  return list;
}

}  // namespace

Result<TokenSecrets> read_secrets(const std::string& path) {
  struct stat about {};
  const auto file = open_to_read(path, about);
  if (!file) return std::unexpected(file.error());
  if (auto secret = check_secrecy(path, about); !secret) return std::unexpected(secret.error());
  const auto text = read_all(*file, path, limits::kL2TokenFileBytesMax);
  if (!text) return std::unexpected(text.error());
  auto secrets = TokenSecrets::parse(*text);
  if (!secrets) return in_file(path, secrets.error());
  return secrets;
}

L2AuthReload reread_l2_auth(const L2AuthSettings& settings, const L2Auth& now) {
  L2AuthReload reload{.auth = now};
  if (!settings.needs_token) return reload;
  const auto take = [&](auto read, auto set) {
    if (read) {
      set(std::move(*read));
    } else {
      reload.errors.push_back(std::move(read.error()));
    }
  };
  take(read_secrets(settings.secrets),
       [&](TokenSecrets secrets) { reload.auth.set_secrets(std::move(secrets)); });
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
  if (!settings.needs_token) return L2Auth();
  L2AuthReload read = reread_l2_auth(settings, L2Auth::by_token({}, settings.successor_days));
  if (!read.errors.empty()) return std::unexpected(std::move(read.errors.front()));
  return std::move(read.auth);
}

}  // namespace daphnis::broker::uv

#include "common/uv/files/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "common/base/limits.h"
#include "common/uv/fd.h"

namespace daphnis::uv {
namespace {

Result<UniqueFd> open_to_read(const std::string& path, struct stat& about) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file || ::fstat(file.get(), &about) != 0) return fail_sys(errno, "cannot open " + path);
  if (!S_ISREG(about.st_mode)) return fail(Errc::kInvalid, path + " is not a regular file");
  return file;
}

Result<std::string> read_all(const UniqueFd& file, const std::string& path, size_t bytes_max) {
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

}  // namespace

Result<std::string> read_small_file(const std::string& path, size_t bytes_max, Secrecy secrecy) {
  struct stat about {};
  const auto file = open_to_read(path, about);
  if (!file) return std::unexpected(file.error());
  if (secrecy == Secrecy::kSecret) {
    if (auto secret = check_secrecy(path, about); !secret) return std::unexpected(secret.error());
  }
  return read_all(*file, path, bytes_max);
}

}  // namespace daphnis::uv

#include "common/uv/owned_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <vector>

namespace daphnis::uv {
namespace {

/// How many symbolic links are followed in one path, as in the kernel (path_resolution(7)).
constexpr unsigned kLinksMax = 40;

bool is_ours(const struct stat& about) {
  return about.st_uid == 0 || about.st_uid == ::geteuid();
}

bool is_open_to_others(const struct stat& about) {
  return (about.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool is_sticky(const struct stat& about) {
  return (about.st_mode & S_ISVTX) != 0;
}

std::unexpected<Error> refuse_owner(const std::string& path, const struct stat& about) {
  return fail(Errc::kInvalid,
              fmt::format("{} belongs to user {} and we run as user {}: choose another place, or "
                          "give it to us (chown {} {})",
                          path, about.st_uid, ::geteuid(), ::geteuid(), path));
}

std::unexpected<Error> refuse_mode(const std::string& path, const struct stat& about) {
  return fail(Errc::kInvalid,
              fmt::format("{} may be written by others (mode {:04o}): choose another place, or "
                          "forbid it (chmod go-w {})",
                          path, about.st_mode & 07777U, path));
}

enum class Sticky { kAllowed, kRefused };

Result<void> check_folder(const std::string& path, const struct stat& about, Sticky sticky) {
  if (!S_ISDIR(about.st_mode)) {
    return fail(Errc::kInvalid, path + " is no folder: remove it or choose another place");
  }
  if (!is_ours(about)) return refuse_owner(path, about);
  const bool may_be_open = sticky == Sticky::kAllowed && is_sticky(about);
  if (is_open_to_others(about) && !may_be_open) return refuse_mode(path, about);
  return {};
}

Result<struct stat> look_at(int fd, const std::string& path) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return fail_sys(errno, "cannot look at " + path);
  return about;
}

/// Appends the parts of `path` to `parts`, the first one last, without "." and empty ones.
void push_parts(std::string_view path, std::vector<std::string>& parts) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

/// The folder above `path`: "/a" for "/a/b". The root is written "" and is its own parent.
std::string parent_of(const std::string& path) {
  return path.empty() ? path : path.substr(0, path.rfind('/'));
}

/// Follows a path folder by folder and checks each. With `make`, missing folders are made with that
/// mode.
class Walk {
 public:
  explicit Walk(std::optional<mode_t> make) : make_(make) {}

  /// Opens the folder at the end of `path`. `sticky` says whether that folder may have the sticky
  /// bit and be open to others; the folders above it may.
  Result<UniqueFd> to(const std::string& path, Sticky sticky) {
    if (path.empty()) return fail(Errc::kInvalid, "an empty path");
    push_parts(path, parts_);
    if (path.front() != '/') {
      std::array<char, PATH_MAX> here{};
      if (!::getcwd(here.data(), here.size())) return fail_sys(errno, "no working directory");
      push_parts(here.data(), parts_);
    }
    if (auto begun = go_to_root(sticky); !begun) return std::unexpected(begun.error());
    while (!parts_.empty()) {
      if (auto gone = go_on(sticky); !gone) return std::unexpected(gone.error());
    }
    return std::move(at_);
  }

 private:
  Result<void> go_to_root(Sticky sticky) {
    at_ = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    path_.clear();
    if (!at_) return fail_sys(errno, "cannot open /");
    return check(at_.get(), "/", sticky);
  }

  Result<void> check(int fd, const std::string& path, Sticky sticky) {
    const auto about = look_at(fd, path);
    if (!about) return std::unexpected(about.error());
    return check_folder(path, *about, parts_.empty() ? sticky : Sticky::kAllowed);
  }

  /// Follows the next part.
  Result<void> go_on(Sticky sticky) {
    const std::string name = std::move(parts_.back());
    parts_.pop_back();
    const std::string path = name == ".." ? parent_of(path_) : path_ + "/" + name;
    auto next = open_part(name, path);
    if (!next) return std::unexpected(next.error());
    const auto about = look_at(next->get(), path);
    if (!about) return std::unexpected(about.error());
    if (S_ISLNK(about->st_mode)) return follow(next->get(), path, *about, sticky);
    if (auto checked = check(next->get(), path.empty() ? "/" : path, sticky); !checked) {
      return checked;
    }
    at_ = std::move(*next);
    path_ = path;
    return {};
  }

  Result<UniqueFd> open_part(const std::string& name, const std::string& path) {
    constexpr int kFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd next(::openat(at_.get(), name.c_str(), kFlags));
    if (!next && errno == ENOENT && make_) {
      if (::mkdirat(at_.get(), name.c_str(), *make_) != 0 && errno != EEXIST) {
        return fail_sys(errno, "cannot make the folder " + path);
      }
      next = UniqueFd(::openat(at_.get(), name.c_str(), kFlags));
    }
    if (!next) return fail_sys(errno, "cannot open the folder " + path);
    return next;
  }

  Result<void> follow(int fd, const std::string& path, const struct stat& about, Sticky sticky) {
    if (!is_ours(about)) return refuse_owner(path, about);
    if (++links_ > kLinksMax) return fail_sys(ELOOP, path);
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(fd, "", target.data(), target.size());
    if (size <= 0) return fail_sys(size < 0 ? errno : ENOENT, "cannot read the link " + path);
    push_parts({target.data(), static_cast<size_t>(size)}, parts_);
    if (target.front() == '/') return go_to_root(sticky);
    // A link to "." ends in the folder that was reached already, which is now the last one.
    return check(at_.get(), path_.empty() ? "/" : path_, sticky);
  }

  std::optional<mode_t> make_;
  UniqueFd at_;
  std::string path_;  ///< The path of at_; empty: the root.
  std::vector<std::string> parts_;
  unsigned links_ = 0;
};

struct Place {
  UniqueFd folder;
  std::string name;
  bool is_sticky = false;  ///< Others can make files in the folder, which has the sticky bit.
};

/// Opens and checks the folder in which a file lies.
Result<Place> place_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const bool is_bare = slash == std::string::npos;
  Place place{.folder = {}, .name = is_bare ? path : path.substr(slash + 1)};
  if (place.name.empty() || place.name == "." || place.name == "..") {
    return fail(Errc::kInvalid, "no name of a file: " + path);
  }
  const std::string folder = is_bare ? "." : path.substr(0, slash + 1);
  auto opened = Walk(std::nullopt).to(folder, Sticky::kAllowed);
  if (!opened) return std::unexpected(opened.error());
  place.folder = std::move(*opened);
  const auto about = look_at(place.folder.get(), folder);
  if (!about) return std::unexpected(about.error());
  place.is_sticky = is_open_to_others(*about);
  return place;
}

/// Fails where a process listens on the Unix socket at `path`, which a connection shows.
Result<void> refuse_living_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail_sys(ENAMETOOLONG, path);
  path.copy(address.sun_path, path.size());
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return fail_sys(errno, "no socket");
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      (errno == ECONNREFUSED || errno == ENOENT)) {
    return {};
  }
  return fail(Errc::kInvalid, path +
                                  " is the socket of a living process: stop that process or "
                                  "choose another path");
}

}  // namespace

bool is_owned(const struct stat& about) {
  return is_ours(about) && !is_open_to_others(about);
}

Result<UniqueFd> open_owned_folder(const std::string& path) {
  return Walk(std::nullopt).to(path, Sticky::kRefused);
}

Result<UniqueFd> make_owned_folder(const std::string& path, mode_t mode) {
  return Walk(mode).to(path, Sticky::kRefused);
}

Result<void> make_owned_folder_in(int parent, const std::string& parent_path,
                                  const std::string& name, mode_t mode) {
  const std::string path = parent_path + "/" + name;
  if (::mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) {
    return fail_sys(errno, "cannot make the folder " + path);
  }
  struct stat about {};
  if (::fstatat(parent, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_sys(errno, "cannot look at " + path);
  }
  return check_folder(path, about, Sticky::kRefused);
}

Result<UniqueFd> open_owned_file(const std::string& path, int flags, mode_t mode) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(
      ::openat(place->folder.get(), place->name.c_str(), (flags & ~O_TRUNC) | kAlways, mode));
  if (!file && errno == ELOOP) {
    return fail(Errc::kInvalid,
                path + " is a symbolic link: remove it, or name the file it leads to");
  }
  if (!file) return fail_sys(errno, "cannot open " + path);
  const auto about = look_at(file.get(), path);
  if (!about) return std::unexpected(about.error());
  if (!is_ours(*about)) return refuse_owner(path, *about);
  if (is_open_to_others(*about) && !S_ISCHR(about->st_mode)) return refuse_mode(path, *about);
  if (place->is_sticky && S_ISREG(about->st_mode) && about->st_nlink > 1) {
    return fail(Errc::kInvalid, path + " has a second name elsewhere, which somebody may have " +
                                    "planted: remove it or choose another place");
  }
  if ((flags & O_TRUNC) != 0 && S_ISREG(about->st_mode) && ::ftruncate(file.get(), 0) != 0) {
    return fail_sys(errno, "cannot empty " + path);
  }
  return file;
}

Result<void> remove_dead_socket(const std::string& path) {
  const auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  struct stat about {};
  if (::fstatat(place->folder.get(), place->name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail_sys(errno, "cannot look at " + path);
  }
  if (!S_ISSOCK(about.st_mode)) {
    return fail(Errc::kInvalid, path +
                                    " is there and is no socket: remove it or choose another "
                                    "path for the socket");
  }
  if (about.st_uid != ::geteuid()) return refuse_owner(path, about);
  if (auto dead = refuse_living_socket(path); !dead) return dead;
  if (::unlinkat(place->folder.get(), place->name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail_sys(errno, "cannot remove " + path);
  }
  return {};
}

}  // namespace daphnis::uv

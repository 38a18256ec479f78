#include "broker/uv/folder_paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/core/cache_file.h"

namespace daphnis::broker {
namespace {

constexpr mode_t kFolderMode = 0750;
constexpr mode_t kSpoolDirMode = 0700;
constexpr std::string_view kHex = "0123456789abcdef";

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return fail_sys(errno, "cannot make the folder " + path);
}

/// `path` and all above it.
Result<void> make_folders(const std::string& path, mode_t mode) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    // What is above may be unwritable and there; the last one tells.
    (void)::mkdir(path.substr(0, at).c_str(), mode);
  }
  return make_folder(path, mode);
}

}  // namespace

std::string FolderPaths::object(const RequestKey& key) const {
  return objects() + "/" + cache_file_name(key);
}

std::string FolderPaths::presence() const {
  if (dir.empty() || spool_dir.empty()) return {};
  return spool_dir + "/presence-" + std::to_string(::getpid()) + "-0";
}

Result<void> FolderPaths::make_cache_tree() const {
  if (auto made = make_folders(dir, kFolderMode); !made) return made;
  for (const std::string& path : {objects(), tmp(), quarantine()}) {
    if (auto made = make_folder(path, kFolderMode); !made) return made;
  }
  for (const char high : kHex) {
    for (const char low : kHex) {
      const std::string path = objects() + "/" + high + low;
      if (auto made = make_folder(path, kFolderMode); !made) return made;
    }
  }
  return {};
}

Result<void> FolderPaths::make_spool_dir() const {
  if (spool_dir.empty()) return {};
  if (auto made = make_folders(spool_dir, kSpoolDirMode); !made) return made;
  struct stat about {};
  if (::lstat(spool_dir.c_str(), &about) != 0) {
    return fail_sys(errno, "cannot look at the spool folder " + spool_dir);
  }
  // Under /dev/shm anybody could have made it first.
  if (!S_ISDIR(about.st_mode) || about.st_uid != ::geteuid()) {
    return fail(Errc::kInvalid, "the spool folder " + spool_dir +
                                    " is not a folder of our own user; remove it or give another "
                                    "one with --spool-dir");
  }
  return {};
}

std::string FolderPaths::spool(std::string_view path) const {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || !is_spool_name(path.substr(slash + 1))) return {};
  const std::string_view folder = path.substr(0, slash);
  const bool is_ours =
      (!dir.empty() && folder == tmp()) || (!spool_dir.empty() && folder == spool_dir);
  return is_ours ? std::string(path) : std::string();
}

bool is_spool_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool may_pass(int sys) {
  switch (sys) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
      return true;
    default:
      return false;
  }
}

bool is_folder_trouble(int sys) {
  switch (sys) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case ENODEV:
    case ENXIO:
    case ETIMEDOUT:
      return true;
    default:
      return may_pass(sys);
  }
}

}  // namespace daphnis::broker

#include "broker/uv/folder/folder_paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/cachefile/cache_file.h"
#include "common/uv/owned_path.h"

namespace daphnis::broker::uv {
namespace {

constexpr mode_t kFolderMode = 0750;
constexpr mode_t kSpoolDirMode = 0700;

}  // namespace

std::string FolderPaths::object_folder(unsigned number) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return {kHex[number >> 4], kHex[number & 15]};
}

std::string FolderPaths::object(const RequestKey& key) const {
  return objects() + "/" + cache_file_name(key);
}

std::string FolderPaths::filter() const {
  if (dir.empty() || spool_dir.empty()) return {};
  return spool_dir + "/filter-" + std::to_string(::getpid()) + "-0";
}

Result<void> FolderPaths::make_cache_tree() const {
  const auto top = daphnis::uv::make_owned_folder(dir, kFolderMode);
  if (!top) return std::unexpected(top.error());
  for (const char* name : {"objects", "tmp", "quarantine"}) {
    auto made = daphnis::uv::make_owned_folder_in(top->get(), dir, name, kFolderMode);
    if (!made) return made;
  }
  const auto middle = daphnis::uv::open_owned_folder(objects());
  if (!middle) return std::unexpected(middle.error());
  for (unsigned number = 0; number < kObjectFolders; ++number) {
    auto made = daphnis::uv::make_owned_folder_in(middle->get(), objects(), object_folder(number),
                                                  kFolderMode);
    if (!made) return made;
  }
  return {};
}

Result<void> FolderPaths::make_spool_dir() const {
  if (spool_dir.empty()) return {};
  const auto made = daphnis::uv::make_owned_folder(spool_dir, kSpoolDirMode);
  if (made) return {};
  Error error = made.error();
  error.detail += " (--spool-dir names the spool folder)";
  return std::unexpected(std::move(error));
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

}  // namespace daphnis::broker::uv

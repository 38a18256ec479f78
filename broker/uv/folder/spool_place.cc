#include "broker/uv/folder/spool_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "broker/uv/folder/folder_files.h"
#include "broker/uv/folder/folder_paths.h"
#include "broker/uv/folder/folder_sweep.h"
#include "common/uv/owned_path.h"

namespace daphnis::broker::uv {
namespace {

/// Opens the folder and locks it. Errors: kSystem, also where another broker has the lock.
Result<daphnis::uv::UniqueFd> lock_folder(const std::string& path) {
  daphnis::uv::UniqueFd folder(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!folder) return fail_sys(errno, "cannot open the spool folder " + path);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_sys(errno, "cannot lock the spool folder " + path);
  }
  return folder;
}

/// Makes the folder and locks it.
Result<daphnis::uv::UniqueFd> take_folder(const std::string& path) {
  auto made = FolderPaths{.dir = {}, .spool_dir = path}.make_spool_dir();
  if (!made) return std::unexpected(made.error());
  return lock_folder(path);
}

/// Removes the folders "BASE-…" of earlier brokers, with the files of dead workers there.
void remove_earlier(const std::string& base) {
  const size_t slash = base.rfind('/');
  const std::string above = base.substr(0, slash);
  const std::string prefix = base.substr(slash + 1) + "-";
  std::vector<std::string> earlier;
  (void)for_each_name(above, [&](const std::string& name) {
    if (name.starts_with(prefix)) earlier.push_back(above + "/" + name);
  });
  for (const std::string& path : earlier) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) continue;
    if (about.st_uid != ::geteuid() || !daphnis::uv::is_owned(about)) continue;
    const auto lock = lock_folder(path);
    if (!lock) continue;
    (void)sweep_folder(path, 0);
    (void)::rmdir(path.c_str());  // The folder stays where a living worker has a file in it.
  }
}

}  // namespace

SpoolPlace take_spool_place(const std::string& base, const std::function<uint64_t()>& random) {
  remove_earlier(base);
  SpoolPlace place;
  auto taken = take_folder(base);
  if (taken) {
    place.dir = base;
    place.lock = std::move(*taken);
    return place;
  }
  if (may_pass(taken.error().sys)) {
    place.dir = base;  // The disk is full; a sweep makes the folder later.
    return place;
  }
  place.lack = taken.error().text();
  const std::string other = fmt::format("{}-{:016x}", base, random());
  taken = take_folder(other);
  if (!taken) return place;
  place.dir = other;
  place.lock = std::move(*taken);
  return place;
}

}  // namespace daphnis::broker::uv

#include "broker/uv/folder/folder_probe.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "broker/uv/folder/folder_files.h"
#include "common/base/limits.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {
namespace {

constexpr size_t kProbeBytes = 4096;
/// Bytes that must be free after a full disk, or this part of a small one (1 in kFreePart).
constexpr uint64_t kFreeBytesMin = 16 * limits::kMiB;
constexpr uint64_t kFreePart = 20;
constexpr uint64_t kFreeInodesMin = 16;

Result<void> write_probe(const std::string& path) {
  (void)::unlink(path.c_str());  // A broker that was killed may have left it.
  daphnis::uv::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!file) return fail_sys(errno, "cannot make " + path);
  const std::array<uint8_t, kProbeBytes> bytes{};
  int sys = write_all(file.get(), bytes.data(), bytes.size());
  // Some file systems report a full disk or a quota only at close.
  if (::close(file.release()) != 0 && sys == 0) sys = errno;
  if (sys != 0) return fail_sys(sys, "cannot write " + path);
  return {};
}

Result<void> try_files(const FolderPaths& paths) {
  const std::string path = paths.tmp() + "/" + std::string(kProbeName);
  const std::string renamed = path + ".renamed";
  auto done = write_probe(path);
  if (done && ::rename(path.c_str(), renamed.c_str()) != 0) {
    done = fail_sys(errno, "cannot rename " + path);
  }
  (void)::unlink(path.c_str());
  if (::unlink(renamed.c_str()) != 0 && done) done = fail_sys(errno, "cannot unlink " + renamed);
  return done;
}

Result<void> check_free_space(const FolderPaths& paths) {
  struct statvfs about {};
  if (::statvfs(paths.tmp().c_str(), &about) != 0) {
    return fail_sys(errno, "cannot look at " + paths.tmp());
  }
  const uint64_t free_bytes = uint64_t{about.f_bavail} * about.f_frsize;
  const uint64_t wanted =
      std::min(kFreeBytesMin, uint64_t{about.f_blocks} * about.f_frsize / kFreePart);
  if (free_bytes < wanted) {
    return fail_sys(ENOSPC, std::to_string(free_bytes) + " bytes are free, " +
                                std::to_string(wanted) + " are wanted to go on");
  }
  if (about.f_files > 0 && about.f_favail < std::min(kFreeInodesMin, uint64_t{about.f_files} / 2)) {
    return fail_sys(ENOSPC, std::to_string(about.f_favail) + " inodes are free");
  }
  return {};
}

/// Makes missing folders, and takes the lock anew where its file is gone.
Result<void> restore(const FolderPaths& paths, FolderLock& lock, bool is_held) {
  if (auto made = paths.make_cache_tree(); !made) return made;
  return is_held ? Result<void>() : lock.take();
}

}  // namespace

ProbeResult probe_folder(const FolderPaths& paths, FolderLock& lock, ProbeAfter after) {
  ProbeResult result;
  const bool is_held = lock.is_held();
  const bool is_there = is_held && ::access(paths.tmp().c_str(), F_OK) == 0 &&
                        ::access(paths.objects().c_str(), F_OK) == 0;
  result.is_new = !is_there;
  Result<void> done;
  if (!is_there || after == ProbeAfter::kTrouble) done = restore(paths, lock, is_held);
  if (done) done = try_files(paths);
  if (done && after == ProbeAfter::kTrouble) done = check_free_space(paths);
  result.is_ok = done.has_value();
  if (!done) result.why = done.error().text();
  return result;
}

}  // namespace daphnis::broker::uv

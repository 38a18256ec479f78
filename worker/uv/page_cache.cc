#include "worker/uv/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/limits.h"

namespace daphnis::worker::uv {
namespace {

/// True for a file of tmpfs, which is never cold; not all kernels answer RWF_NOWAIT for one.
bool is_in_memory(int fd) {
  struct statfs system {};
  return ::fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/// Reads once without waiting for a disk. Returns the bytes read, or a negative errno.
ssize_t read_at_once(int fd, uint64_t offset, std::span<uint8_t> into) {
  const iovec part{.iov_base = into.data(), .iov_len = into.size()};
  ssize_t size = 0;
  do {
    size = ::preadv2(fd, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (size < 0 && errno == EOPNOTSUPP && is_in_memory(fd)) {
      size = ::preadv(fd, &part, 1, static_cast<off_t>(offset));
    }
  } while (size < 0 && errno == EINTR);
  return size < 0 ? -errno : size;
}

FileRead failed(int error) {
  if (error == EAGAIN || error == EOPNOTSUPP) return {.outcome = FileRead::Outcome::kCold};
  return {.outcome = FileRead::Outcome::kLost, .error = error};
}

}  // namespace

FileRead read_cached(int fd, uint64_t offset, std::span<uint8_t> into) {
  const ssize_t size = read_at_once(fd, offset, into);
  if (size < 0) return failed(static_cast<int>(-size));
  if (size == 0 && !into.empty()) return failed(0);
  // The rest is cold or missing; a read that waits will tell which.
  if (static_cast<size_t>(size) < into.size()) return {.outcome = FileRead::Outcome::kCold};
  return {};
}

FileRead probe(int fd, uint64_t offset, uint64_t size) {
  std::array<uint8_t, 1> byte;
  const uint64_t last = offset + size - 1;
  for (uint64_t at = offset; at < last; at += limits::kFileProbeBytes) {
    const FileRead read = read_cached(fd, at, byte);
    if (read.outcome != FileRead::Outcome::kDone) return read;
  }
  return read_cached(fd, last, byte);
}

FileRead read_waiting(int fd, uint64_t offset, std::span<uint8_t> into) {
  while (!into.empty()) {
    const ssize_t size = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return {.outcome = FileRead::Outcome::kLost, .error = size < 0 ? errno : 0};
    into = into.subspan(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
  return {};
}

FileRead read_checked(int fd, const PieceSums& sums, uint64_t offset, std::span<uint8_t> into,
                      Reader read) {
  const FileRead done = read(fd, offset, into);
  if (done.outcome != FileRead::Outcome::kDone || sums.hold(offset, into)) return done;
  return {.outcome = FileRead::Outcome::kLost, .error = EBADMSG};
}

FileRead warm_up(int fd, uint64_t offset, uint64_t size) {
  ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
  std::array<uint8_t, 64 * limits::kKiB> thrown_away;
  while (size > 0) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(size, thrown_away.size()));
    const FileRead read = read_waiting(fd, offset, std::span(thrown_away).first(part));
    if (read.outcome != FileRead::Outcome::kDone) return read;
    offset += part;
    size -= part;
  }
  return {};
}

}  // namespace daphnis::worker::uv

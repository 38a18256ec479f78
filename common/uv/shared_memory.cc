#include "common/uv/shared_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/uv/fd.h"

namespace daphnis::uv {

Result<std::unique_ptr<SharedMemory>> SharedMemory::map(const std::string& path, int fd,
                                                        size_t size, bool is_ours) {
  struct statfs place {};
  if (::fstatfs(fd, &place) != 0) return fail_sys(errno, "cannot look at " + path);
  if (place.f_type != TMPFS_MAGIC) return fail(Errc::kInvalid, path + " does not lie in memory");
  if (is_ours) {
    // Unlike ftruncate(), this allocates every page now, or fails.
    if (const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(size)); error != 0) {
      return fail_sys(error, "cannot make room for " + path);
    }
  }
  struct stat about {};
  if (::fstat(fd, &about) != 0) return fail_sys(errno, "cannot look at " + path);
  if (!S_ISREG(about.st_mode) || static_cast<uint64_t>(about.st_size) != size) {
    return fail(Errc::kInvalid, path + " is not what was expected there");
  }
  void* at = ::mmap(nullptr, size, is_ours ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return fail_sys(errno, "cannot map " + path);
  return std::unique_ptr<SharedMemory>(
      new SharedMemory(path, {static_cast<uint8_t*>(at), size}, is_ours));
}

Result<std::unique_ptr<SharedMemory>> SharedMemory::create(const std::string& path, size_t size) {
  const UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_sys(errno, "cannot make " + path);
  auto made = map(path, file.get(), size, true);
  if (!made) (void)::unlink(path.c_str());
  return made;
}

Result<std::unique_ptr<SharedMemory>> SharedMemory::open(const std::string& path, size_t size) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return fail_sys(errno, "cannot open " + path);
  return map(path, file.get(), size, false);
}

SharedMemory::~SharedMemory() {
  ::munmap(bytes_.data(), bytes_.size());
  if (is_ours_) (void)::unlink(path_.c_str());
}

}  // namespace daphnis::uv

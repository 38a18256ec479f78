#include "l2/disk/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace daphnis::l2 {

FileStamp FileStamp::of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<uint64_t>(status.st_size),
          .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

Result<File> File::open_to_read(const std::string& path) {
  // With O_NONBLOCK, opening a FIFO of this name does not hang.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return fail(Errc::kNotFound, "there is no " + path);
  if (fd < 0) return fail_sys(errno, "cannot open " + path);
  File file(fd, path);
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail_sys(errno, "cannot look at " + path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, path + " is not a regular file");
  return file;
}

Result<FileStamp> File::stamp() const {
  struct stat status {};
  if (fstat(fd_, &status) != 0) return fail_sys(errno, "cannot look at " + name_);
  return FileStamp::of(status);
}

Result<size_t> File::read_at(uint64_t offset, std::span<uint8_t> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_sys(errno, "cannot read " + name_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<size_t> File::read_some(std::span<uint8_t> out) const {
  const ssize_t got = ::read(fd_, out.data(), out.size());
  if (got < 0) return fail_sys(errno, "cannot read " + name_);
  return static_cast<size_t>(got);
}

Result<void> File::write(Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_sys(errno, "cannot write " + name_);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

}  // namespace daphnis::l2

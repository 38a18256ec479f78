#include "broker/uv/folder/folder_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/uv/fd.h"

namespace daphnis::broker::uv {

int for_each_name(const std::string& folder, const std::function<void(const std::string&)>& visit) {
  struct Closer {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Closer> dir(::opendir(folder.c_str()));
  if (!dir) return errno;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (!entry) return errno;
    const std::string name(entry->d_name);
    if (name != "." && name != "..") visit(name);
  }
}

int64_t read_at(int fd, uint8_t* into, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, into + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<int64_t>(done);
}

int64_t read_gently(int fd, uint8_t* into, size_t size, uint64_t offset) {
  const iovec piece{.iov_base = into, .iov_len = size};
  const ssize_t resident = ::preadv2(fd, &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (resident == static_cast<ssize_t>(size)) return resident;
  const bool is_known = resident >= 0 || errno == EAGAIN;
  const int64_t got = read_at(fd, into, size, offset);
  // Where the file system cannot tell (tmpfs is all in memory), no pages are dropped.
  if (got > 0 && is_known) {
    const uint64_t kept = resident > 0 ? static_cast<uint64_t>(resident) : 0;
    (void)::posix_fadvise(fd, static_cast<off_t>(offset + kept), static_cast<off_t>(size - kept),
                          POSIX_FADV_DONTNEED);
  }
  return got;
}

int write_all(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(fd, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    data += put;
    size -= static_cast<size_t>(put);
  }
  return 0;
}

Result<std::vector<uint8_t>> read_whole_file(const std::string& path, uint64_t bytes_max) {
  const daphnis::uv::UniqueFd file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return fail_sys(errno, "cannot open " + path);
  const auto size = static_cast<uint64_t>(about.st_size);
  if (size > bytes_max) return fail(Errc::kTooLarge, path);
  std::vector<uint8_t> bytes(size);
  const int64_t got = read_at(file.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return fail_sys(static_cast<int>(-got), "cannot read " + path);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

}  // namespace daphnis::broker::uv

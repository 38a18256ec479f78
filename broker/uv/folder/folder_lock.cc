#include "broker/uv/folder/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "broker/uv/folder/folder_files.h"
#include "common/base/slice.h"

namespace daphnis::broker::uv {
namespace {

/// The text that the holder wrote into the file: "process 123".
std::string holder_of(int fd) {
  char text[64];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  std::string holder(text, size > 0 ? static_cast<size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : holder;
}

}  // namespace

Result<void> FolderLock::take() {
  // The file is open for reading alone; a file open for writing would keep the file system from
  // being remounted read-only.
  daphnis::uv::UniqueFd file(
      ::open(path_.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file) return fail_sys(errno, "cannot open " + path_);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_sys(errno, "cannot lock " + path_);
    return fail(Errc::kInvalid, "the cache folder is in use: " + holder_of(file.get()) +
                                    " has locked " + path_ +
                                    "; stop that edge or give this one its own --cache-dir");
  }
  // The text is only for the message above, so a full disk does not matter.
  const std::string text = "process " + std::to_string(::getpid()) + "\n";
  const daphnis::uv::UniqueFd note(
      ::open(path_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
  if (note) (void)write_all(note.get(), as_bytes(text).data(), text.size());
  file_ = std::move(file);
  return {};
}

bool FolderLock::is_held() const {
  struct stat held {};
  struct stat named {};
  return file_ && ::fstat(file_.get(), &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

}  // namespace daphnis::broker::uv

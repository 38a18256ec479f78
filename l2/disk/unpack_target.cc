#include "l2/disk/unpack_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace daphnis::l2 {
namespace {

std::unexpected<Error> refuse_existing(const std::string& path) {
  return fail(Errc::kInvalid, path + " exists already and is not overwritten");
}

}  // namespace

Result<UnpackTarget> UnpackTarget::create(const std::string& wanted) {
  if (wanted == "-") {
    return fail(Errc::kInvalid,
                "a file or folder is not written to standard output: name a path "
                "(a file of that name is ./-)");
  }
  std::string path = wanted;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) return refuse_existing(path);
  if (errno != ENOENT) return fail_sys(errno, "cannot look at " + path);
  const size_t slash = path.rfind('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  std::string temporary = path.substr(0, name_at) + "." + path.substr(name_at) + ".XXXXXX";
  if (!mkdtemp(temporary.data())) return fail_sys(errno, "cannot write beside " + path);
  const int fd = open(temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  UnpackTarget target(File(fd, temporary), temporary, path);
  if (fd < 0) return fail_sys(errno, "cannot write beside " + path);
  return target;
}

UnpackTarget::UnpackTarget(UnpackTarget&& other) noexcept
    : folder_(std::move(other.folder_)),
      temporary_(std::exchange(other.temporary_, {})),
      path_(std::move(other.path_)) {}

UnpackTarget::~UnpackTarget() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

Result<void> UnpackTarget::commit() {
  if (renameat2(folder_.fd(), kName, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST) return refuse_existing(path_);
  // Not every file system knows RENAME_NOREPLACE; there only the check in create() protects.
  if (errno == EINVAL && renameat(folder_.fd(), kName, AT_FDCWD, path_.c_str()) == 0) return {};
  return fail_sys(errno, "cannot give " + path_ + " its name");
}

}  // namespace daphnis::l2

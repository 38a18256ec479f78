#include "common/uv/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/uv/owned_path.h"

namespace daphnis::uv {

Result<void> LogFile::open() const {
  if (path_.empty()) return {};
  const auto file = open_owned_file(path_, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0640);
  if (!file) return std::unexpected(file.error());
  if (dup2(file->get(), STDERR_FILENO) < 0) return fail_sys(errno, "cannot log to " + path_);
  return {};
}

}  // namespace daphnis::uv

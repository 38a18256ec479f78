#pragma once

#include <string>

#include "common/base/result.h"

namespace daphnis::uv {

/// The file that a process logs to (`--log-file`). It takes the place of standard error, so that
/// the last words of a process that dies are in it too. Owned by main.
class LogFile {
 public:
  /// `path` empty: standard error is left as it is.
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  /// Opens the file for appending, mode 0640, and makes it where there is none; the second time and
  /// later (after a rotation) anew by its name. Where that fails, what was open stays. Errors: as
  /// open_owned_file(): a symbolic link and a file or folder that others may write are refused.
  [[nodiscard]] Result<void> open() const;

 private:
  std::string path_;
};

}  // namespace daphnis::uv

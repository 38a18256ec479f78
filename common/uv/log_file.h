#pragma once

#include <string>

#include "common/base/result.h"

namespace daphnis::uv {

/// The file that a process logs to (`--log-file`). It replaces standard error, so that messages of
/// libraries and of abort_on_bug() are in it too. Owned by main.
class LogFile {
 public:
  /// `path` empty: standard error is left as it is.
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  /// Opens the file for appending, and makes it, with mode 0640, where there is none. A later call
  /// (after a rotation) opens the file of that name anew; where that fails, the old one stays open.
  /// Errors: as open_owned_file(): a symbolic link and a file or folder that others may write are
  /// refused.
  [[nodiscard]] Result<void> open() const;

 private:
  std::string path_;
};

}  // namespace daphnis::uv

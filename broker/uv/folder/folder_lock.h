#pragma once

#include <string>

#include "common/base/result.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// The lock of a cache folder: DIR/lock, locked by flock(2) as long as this lives, so that a folder
/// never has two brokers. The kernel frees the lock when the process ends. Owned by the CacheFolder
/// and its probe under way.
class FolderLock {
 public:
  explicit FolderLock(std::string path) : path_(std::move(path)) {}

  /// Takes the lock, or takes it anew where the file was deleted or replaced. Errors: kInvalid
  /// (another process has the lock; the text names it and says what to do), kSystem.
  [[nodiscard]] Result<void> take();
  /// True where the file at the path is still the one that is locked.
  [[nodiscard]] bool is_held() const;

 private:
  std::string path_;
  daphnis::uv::UniqueFd file_;
};

}  // namespace daphnis::broker::uv

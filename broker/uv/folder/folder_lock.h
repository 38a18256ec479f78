#pragma once

#include <string>

#include "common/base/result.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// DIR/lock, locked by flock(2) as long as this lives, so that one cache folder never has two
/// brokers. The kernel frees it with the process, however that ends. Owned by the CacheFolder.
class FolderLock {
 public:
  explicit FolderLock(std::string path) : path_(std::move(path)) {}

  /// Takes the lock, or takes it anew where the file was deleted or replaced. Errors: kInvalid
  /// (another process has it: says which and what to do), kSystem.
  [[nodiscard]] Result<void> take();
  /// Whether the file at the path is still the one that is locked.
  [[nodiscard]] bool is_held() const;

 private:
  std::string path_;
  daphnis::uv::UniqueFd file_;
};

}  // namespace daphnis::broker::uv

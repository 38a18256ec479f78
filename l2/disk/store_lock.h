#pragma once

#include <string>

#include "common/base/result.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// A lock (flock(2)) on a store's folder for as long as this object lives, so that no two L2s serve
/// one store: they would fight for its id. The lock is on the folder itself, so no file is left in
/// it; the kernel frees it with the process, however that ends. Owned by `serve`.
class StoreLock {
 public:
  /// Errors: kInvalid (another L2 has the lock; the text says what to do), kSystem (some network
  /// file systems cannot lock folders).
  [[nodiscard]] static Result<StoreLock> take(const std::string& store);

 private:
  explicit StoreLock(File folder) : folder_(std::move(folder)) {}

  File folder_;
};

}  // namespace daphnis::l2

#pragma once

#include <string>

#include "common/base/result.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// A store's folder, locked by flock(2) as long as this lives, so that no two L2s serve one store:
/// they would fight for its id. The lock is on the folder itself and leaves nothing in it; the
/// kernel frees it with the process, however that ends. Owned by `serve`.
class StoreLock {
 public:
  /// Errors: kInvalid (another L2 has it; says what to do), kSystem (some network file systems lock
  /// no folders).
  [[nodiscard]] static Result<StoreLock> take(const std::string& store);

 private:
  explicit StoreLock(File folder) : folder_(std::move(folder)) {}

  File folder_;
};

}  // namespace daphnis::l2

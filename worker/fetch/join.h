#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/ipc/ipc_messages.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// A fetch's source in a file that another worker's fetch fills or has filled: the file while it is
/// opened and read along, or the look-up of a cached one. Owned by the fetch while it may get more
/// output from it.
struct Join {
  std::string path = {};
  uint64_t bytes = 0;
  /// The state that the broker told last; never kFailed.
  ipc::JoinState state = ipc::JoinState::kGoing;
  FileRef file = {};  ///< The open file; null while it is opened or looked up.
  /// A token that keeps the file in use (Unlinks) until it is open.
  std::shared_ptr<const void> opening = {};
  bool is_in_cache = false;  ///< The file is looked up in the cache.
  CacheWaiterId look{};      ///< The waiter of the look-up; none where there is none.
};

}  // namespace daphnis::worker

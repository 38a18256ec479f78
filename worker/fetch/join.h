#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/ipc/ipc_messages.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// A file that holds another fetch's output, being opened or read along by a fetch of this worker;
/// or the look for a cached one. Owned by the Worker while its fetch may still get more from it.
struct Join {
  std::string path = {};
  uint64_t bytes = 0;
  ipc::JoinState state = ipc::JoinState::kGoing;  ///< As the broker said last; never kFailed.
  FileRef file = {};                              ///< Null: being opened, or looked for.
  std::shared_ptr<const void> opening = {};       ///< Lives until the file is open.
  bool is_in_cache = false;                       ///< It is the cache that is looked in.
  CacheWaiterId look{};                           ///< The look's number.
  uint64_t since_ms = 0;
};

}  // namespace daphnis::worker

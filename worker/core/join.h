#pragma once

#include <cstdint>
#include <string>

#include "common/core/ipc_messages.h"
#include "worker/core/files.h"

namespace daphnis::worker {

/// A file that holds another fetch's output, or a cached one, being opened or read along by a fetch
/// of this worker. Owned by the Worker for as long as its fetch reads from it and more may come.
struct Join {
  std::string path = {};
  uint64_t bytes = 0;
  ipc::JoinState state = ipc::JoinState::kGoing;  ///< As the broker said last; never kFailed.
  bool is_in_cache = false;                       ///< `path` is a cached file's.
  FileRef file = {};                              ///< Null: being opened.
};

}  // namespace daphnis::worker

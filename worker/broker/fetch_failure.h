#pragma once

#include "common/ipc/ipc_messages.h"
#include "worker/base/failure_kind.h"

namespace daphnis::worker {

/// The kind of failure that a client is told of where the broker has given a fetch up.
[[nodiscard]] FailureKind failure_of(Outcome reason);

}  // namespace daphnis::worker

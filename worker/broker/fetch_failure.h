#pragma once

#include "common/ipc/ipc_messages.h"
#include "worker/base/failure_kind.h"

namespace daphnis::worker {

/// What it is to a client that the broker gave a fetch up.
[[nodiscard]] FailureKind failure_of(ipc::FetchFailure failure);

}  // namespace daphnis::worker

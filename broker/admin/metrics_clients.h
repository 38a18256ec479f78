#pragma once

#include "broker/admin/metrics.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// Adds what workers refuse by who is asking. Part of metrics_of().
void add_client_addresses(Metrics& out, const ipc::WorkerStats& stats);

}  // namespace daphnis::broker

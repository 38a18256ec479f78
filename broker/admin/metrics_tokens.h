#pragma once

#include "broker/admin/metrics.h"

namespace daphnis::broker {

/// Adds how L2s show who they are, and what is refused. Part of metrics_of(); `broker` must outlive
/// `out`.
void add_tokens(Metrics& out, const Broker& broker);

}  // namespace daphnis::broker

#pragma once

#include "broker/admin/metrics.h"

namespace daphnis::broker {

/// Adds what the rules do by which L2s are chosen. Part of metrics_of(); `broker` must outlive
/// `out`.
void add_choosing(Metrics& out, const Broker& broker);

}  // namespace daphnis::broker

#pragma once

#include "broker/admin/metrics.h"

namespace daphnis::broker {

/// Adds what is remembered not to be there, and what is refused since it would cost too much. Part
/// of metrics_of(); `broker` must outlive `out`.
void add_absences(Metrics& out, const Broker& broker);

}  // namespace daphnis::broker

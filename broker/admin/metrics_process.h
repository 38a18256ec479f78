#pragma once

#include "broker/admin/metrics.h"
#include "broker/base/process_gauges.h"

namespace daphnis::broker {

/// Adds what the broker's process is made of: its memory, descriptors and time, and the connections
/// and lines that only its shell sees.
void add_process(Metrics& out, const ProcessGauges& process);

}  // namespace daphnis::broker

#pragma once

#include <string>

#include "broker/base/process_gauges.h"
#include "broker/broker.h"

namespace daphnis::broker {

/// All counters and gauges in the Prometheus text format. The values of a label are a small closed
/// set (outcomes, states), never L2 ids.
[[nodiscard]] std::string metrics_text(const Broker& broker, const ProcessGauges& process,
                                       uint64_t now_ms);

}  // namespace daphnis::broker

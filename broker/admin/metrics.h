#pragma once

#include <string>

#include "broker/base/process_gauges.h"
#include "broker/broker.h"

namespace daphnis::broker {

/// Everything counted, in the Prometheus text format. Labels are of small closed sets: outcomes,
/// states, worker indices; never L2 ids.
[[nodiscard]] std::string metrics_text(const Broker& broker, const ProcessGauges& process,
                                       uint64_t now_ms);

}  // namespace daphnis::broker

#pragma once

#include <string>

#include "broker/admin/metrics.h"

namespace daphnis::broker {

/// The metrics in the Prometheus text format, in their order.
[[nodiscard]] std::string prometheus_text(const Metrics& metrics);

}  // namespace daphnis::broker

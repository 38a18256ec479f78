#pragma once

#include "broker/admin/metrics.h"
#include "broker/broker.h"

namespace daphnis::broker {

/// What may not be served: the list in force, and what it has denied.
void add_denials(Metrics& out, const Broker& broker);

}  // namespace daphnis::broker

#pragma once

#include <functional>

#include "broker/core/commands.h"
#include "broker/core/config.h"
#include "broker/core/counters.h"
#include "broker/core/timers.h"
#include "common/core/uuid.h"

namespace daphnis::broker {

/// 16 bytes from a cryptographic source (a seeded one in simulations).
using RandomSource = std::function<Uuid()>;

/// What every part of the broker needs. Owned by the broker, outlives its parts.
struct Context {
  Config config;
  RandomSource random;
  Outbox out;
  Timers timers;
  Counters counters;
};

}  // namespace daphnis::broker

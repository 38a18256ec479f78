#pragma once

#include <functional>
#include <utility>

#include "broker/base/commands.h"
#include "broker/base/counters.h"
#include "broker/base/settings.h"
#include "broker/base/timers.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// 16 bytes from a cryptographic source (a seeded one in simulations).
using RandomSource = std::function<Uuid()>;

/// What every part of the broker needs. Owned by the broker; outlives the parts.
struct Context {
  Settings settings;
  RandomSource random;
  Outbox out;
  Timers timers;
  Counters counters;
  int64_t wall_ahead_s = 0;  ///< Wall clock less monotonic clock, in seconds.

  [[nodiscard]] uint32_t wall_s(uint64_t now_ms) const {
    return static_cast<uint32_t>(static_cast<int64_t>(now_ms / 1000) + wall_ahead_s);
  }
  void tell(WorkerId worker, ipc::BrokerToWorker message) {
    out.push(SendWorker{worker, std::move(message)});
  }
};

}  // namespace daphnis::broker

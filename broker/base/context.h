#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "broker/auth/l2_auth.h"
#include "broker/base/commands.h"
#include "broker/base/counters.h"
#include "broker/base/data_addresses.h"
#include "broker/base/denials.h"
#include "broker/base/settings.h"
#include "broker/base/timers.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// 16 bytes from a cryptographic source (a seeded one in simulations).
using RandomSource = std::function<Uuid()>;

/// For how many microseconds the process has been busy since it started (BusyLimit::sample).
using BusyTime = std::function<uint64_t()>;

/// What every part of the broker needs. Owned by the broker; outlives the parts.
struct Context {
  Settings settings;
  RandomSource random;
  Outbox out;
  Timers timers;
  Counters counters;
  L2Auth auth = {};          ///< Who may be an L2.
  Denials denials = {};      ///< What may not be served.
  int64_t wall_ahead_s = 0;  ///< Wall clock less monotonic clock, in seconds.
  /// The --index of each admitted worker. An attempt's record names the worker by it, since another
  /// connection has another WorkerId.
  std::map<WorkerId, uint32_t> worker_indices = {};
  DataAddresses data_addresses = {};  ///< Of the workers that take direct deliveries.
  BusyTime busy_us = {};              ///< Empty: the process is taken for one that is never busy.

  [[nodiscard]] uint32_t wall_s(uint64_t now_ms) const {
    return static_cast<uint32_t>(static_cast<int64_t>(now_ms / 1000) + wall_ahead_s);
  }
  [[nodiscard]] std::optional<uint32_t> index_of(WorkerId worker) const {
    const auto found = worker_indices.find(worker);
    return found == worker_indices.end() ? std::nullopt : std::optional(found->second);
  }
  void tell(WorkerId worker, ipc::BrokerToWorker message) {
    out.push(SendWorker{worker, std::move(message)});
  }
};

}  // namespace daphnis::broker

#pragma once

#include <cstdint>

#include "broker/base/minute_share.h"
#include "broker/health/health.h"
#include "broker/health/pool.h"

namespace daphnis::broker {

inline constexpr uint64_t kHedgeAfterMsMin = 20;
/// A hedge starts after at most so many times the median of all L2s' p95.
inline constexpr uint64_t kHedgePoolP95s = 2;
/// One hedge for so many other orders.
inline constexpr uint64_t kOrdersPerHedge = 10;
/// No hedge starts for so long after a worker shed a request.
inline constexpr uint64_t kHedgeShedMs = 5'000;
/// An L2 is slow whose p50 is above so many times the median of all L2s' p95.
inline constexpr uint64_t kSlowPoolP95s = 3;
/// One in so many fetches asks a slow L2 first all the same, to see whether it has become quicker.
inline constexpr uint64_t kSlowProbeEvery = 50;

/// How long an order to that L2 is waited for before another L2 is asked beside it (hedging; Dean
/// and Barroso, The Tail at Scale, 2013): its own p95, or kHedgePoolP95s times the median p95 of
/// all, whichever is less; kHedgeAfterMsMin at least and `ms_max` at most, and `ms_max` while
/// neither is known.
[[nodiscard]] uint64_t hedge_after_ms(const Health& l2, const Pool& pool, uint64_t ms_max,
                                      uint64_t now_ms);

/// True where an L2 is so slow that others come before it in a fetch's first place.
[[nodiscard]] bool is_slow(const Health& l2, const Pool& pool, uint64_t now_ms);

/// Decides whether there may be one more hedge: in the last minute at most one for kOrdersPerHedge
/// other orders, and none while workers shed requests. Owned by the dispatcher.
class HedgeBudget {
 public:
  /// An order was given that is no hedge.
  void note_order(uint64_t now_ms) { share_.note_order(now_ms); }
  /// A hedge was started that counts against the budget.
  void note_hedge(uint64_t now_ms) { share_.note_one(now_ms); }
  /// A worker has answered 503 since it has too much to do.
  void note_shed(uint64_t now_ms) { shed_until_ms_ = now_ms + kHedgeShedMs; }

  [[nodiscard]] bool is_shedding(uint64_t now_ms) const { return now_ms < shed_until_ms_; }
  /// True where the last minute's orders pay for one more hedge.
  [[nodiscard]] bool has_room(uint64_t now_ms) const { return share_.has_room(now_ms); }

 private:
  MinuteShare share_{kOrdersPerHedge};
  uint64_t shed_until_ms_ = 0;
};

}  // namespace daphnis::broker

#include "broker/choosing/hedging.h"

#include <algorithm>
#include <optional>

namespace daphnis::broker {

uint64_t hedge_after_ms(const Health& l2, const Pool& pool, uint64_t ms_max, uint64_t now_ms) {
  uint64_t ms = l2.first_byte().p95(now_ms).value_or(ms_max);
  if (pool.p95_ms) ms = std::min(ms, kHedgePoolP95s * *pool.p95_ms);
  return std::min(std::max(ms, kHedgeAfterMsMin), ms_max);
}

bool is_slow(const Health& l2, const Pool& pool, uint64_t now_ms) {
  if (!pool.p95_ms || l2.first_byte().samples(now_ms) < kPoolP50SamplesMin) return false;
  return *l2.first_byte().p50(now_ms) > kSlowPoolP95s * *pool.p95_ms;
}

HedgeBudget::Second& HedgeBudget::part(uint64_t now_ms) {
  Second& second = seconds_[number_of(now_ms) % kSeconds];
  if (second.number != number_of(now_ms)) second = {.number = number_of(now_ms)};
  return second;
}

bool HedgeBudget::has_room(uint64_t now_ms) const {
  uint64_t orders = 0;
  uint64_t hedges = 0;
  for (const Second& second : seconds_) {
    if (second.number == 0 || second.number + kSeconds <= number_of(now_ms)) continue;
    orders += second.orders;
    hedges += second.hedges;
  }
  return (hedges + 1) * kOrdersPerHedge <= orders;
}

}  // namespace daphnis::broker

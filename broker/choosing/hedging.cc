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

}  // namespace daphnis::broker

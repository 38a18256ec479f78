#pragma once

#include <algorithm>
#include <cstdint>

namespace daphnis::broker {

/// An L2 may have this many attempts whatever its share is.
inline constexpr uint64_t kFairShareFloor = 4;

/// The part of its share, in thousandths, that an L2 has which came `age_ms` ago: a tenth at first,
/// and growing evenly until it is the whole after `slow_start_ms`. 0: the whole from the first.
[[nodiscard]] constexpr uint64_t grown_permille(uint64_t age_ms, uint64_t slow_start_ms) {
  return age_ms >= slow_start_ms ? 1000 : 100 + 900 * age_ms / slow_start_ms;
}

/// How many attempts an L2 should have at most (bounded load, DESIGN 6; Mirrokni, Thorup,
/// Zadimoghaddam 2017): 1.25 times its share by weight of all that are in flight, rounded up.
struct FairShare {
  uint64_t attempts = 0;  ///< In flight at all L2s.
  uint64_t nodes = 0;     ///< The virtual nodes of all L2s, which stand for their weights.

  /// The bound of an L2 with `own` of the nodes and `grown` thousandths of its share, once one
  /// attempt more is in flight. At least kFairShareFloor.
  [[nodiscard]] constexpr uint64_t bound(uint64_t own, uint64_t grown = 1000) const {
    const uint64_t parts = 4 * nodes * 1000;
    if (parts == 0) return kFairShareFloor;
    return std::max(kFairShareFloor, (5 * own * (attempts + 1) * grown + parts - 1) / parts);
  }
};

}  // namespace daphnis::broker

#pragma once

#include <cstddef>
#include <string_view>

#include "broker/registry/registry.h"

namespace daphnis::broker {

/// How busy an L2 is; an L2 that is ejected is kSuspect whatever its places.
enum class L2State : uint8_t { kIdle, kBusy, kFull, kSuspect };

[[nodiscard]] inline L2State state_of(const L2& l2, uint64_t now_ms) {
  if (l2.is_ejected(now_ms)) return L2State::kSuspect;
  if (l2.places.taken() == 0) return L2State::kIdle;
  return l2.has_free_place() ? L2State::kBusy : L2State::kFull;
}

[[nodiscard]] inline std::string_view name(L2State state) {
  switch (state) {
    case L2State::kIdle:
      return "idle";
    case L2State::kBusy:
      return "busy";
    case L2State::kFull:
      return "full";
    case L2State::kSuspect:
      return "suspect";
  }
  return "unknown";
}

/// The number of L2s in each state and of each generation.
struct L2Counts {
  size_t v2 = 0;
  size_t legacy = 0;
  size_t in_state[4] = {};

  [[nodiscard]] size_t in(L2State state) const { return in_state[static_cast<size_t>(state)]; }
  [[nodiscard]] static L2Counts of(const Registry& registry, uint64_t now_ms) {
    L2Counts counts;
    registry.for_each([&](const L2& l2) {
      ++(speaks_v2(l2.capabilities()) ? counts.v2 : counts.legacy);
      ++counts.in_state[static_cast<size_t>(state_of(l2, now_ms))];
    });
    return counts;
  }
};

}  // namespace daphnis::broker

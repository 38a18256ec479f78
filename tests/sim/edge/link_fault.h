#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/sim/edge/chance.h"

namespace daphnis::sim {

/// What befalls one connection between an L2 and the edge, on the way between them. It strikes when
/// byte `at` of one direction is about to arrive.
struct LinkFault {
  enum class Kind : uint8_t {
    kNone,
    kDelay,       ///< All bytes of both directions arrive later, from the beginning on.
    kLoss,        ///< Both ends see a reset.
    kClog,        ///< For a while no byte arrives in either direction, and then they do again.
    kHalfClose,   ///< The direction ends there; what is written later is lost, and nobody is told.
    kCorruption,  ///< One bit of that byte arrives wrong. Only of what an L2 sends, in its bodies.
  };
  Kind kind = Kind::kNone;
  int side = 0;     ///< The direction: 0 is from the L2 to the edge, 1 is back.
  uint64_t at = 0;  ///< An offset in that direction; of no meaning for kDelay.
  uint64_t ms = 0;  ///< How much later bytes arrive, or how long nothing does.

  [[nodiscard]] bool strikes() const { return kind != Kind::kNone && kind != Kind::kDelay; }
};
inline constexpr size_t kLinkFaultKinds = static_cast<size_t>(LinkFault::Kind::kCorruption) + 1;

/// Draws a fault of any kind but kNone.
[[nodiscard]] LinkFault draw_link_fault(Chance& chance);

}  // namespace daphnis::sim

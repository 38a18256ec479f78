#include "tests/sim/edge/link_fault.h"

namespace daphnis::sim {
namespace {

/// More bytes than any head of an L2's first request on a connection has.
constexpr uint64_t kHeadBytesMax = 400;
/// Shorter than the time that the broker waits for a head: it would answer 408 to a registration,
/// which a deployed node takes for "never come back".
constexpr uint64_t kClogMsMax = 7'000;

/// An offset in a head, in a small body or in a large one.
uint64_t draw_offset(Chance& chance) {
  constexpr uint64_t kBelow[] = {kHeadBytesMax, 8'000, 60'000, 400'000};
  return chance.below(chance.pick(kBelow));
}

}  // namespace

LinkFault draw_link_fault(Chance& chance) {
  LinkFault fault{.kind = static_cast<LinkFault::Kind>(chance.between(1, kLinkFaultKinds - 1)),
                  .side = chance.one_in(3) ? 1 : 0,
                  .at = draw_offset(chance)};
  switch (fault.kind) {
    case LinkFault::Kind::kDelay:
      fault.ms = chance.between(20, chance.one_in(3) ? 1'500 : 200);
      break;
    case LinkFault::Kind::kClog:
      fault.ms = chance.between(100, kClogMsMax);
      break;
    case LinkFault::Kind::kCorruption:
      fault.side = 0;
      fault.at += kHeadBytesMax;
      break;
    default:
      break;
  }
  return fault;
}

}  // namespace daphnis::sim

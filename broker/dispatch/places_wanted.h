#pragma once

#include <cstdint>

#include "broker/base/context.h"
#include "broker/dispatch/attempts.h"
#include "broker/registry/registrations.h"

namespace daphnis::broker {

/// How often, at most, the workers are told that the places of one L2 are wanted.
inline constexpr uint64_t kPlaceWantedEveryMs = 1'000;

/// Tells workers which of their attempts take the places that other fetches wait for
/// (ipc::PlaceWanted), so that a very slow reader does not hold an L2. Owned by the dispatcher.
class PlacesWanted {
 public:
  PlacesWanted(Context& context, Registrations& registrations, Attempts& attempts)
      : context_(context), registrations_(registrations), attempts_(attempts) {}

  /// A fetch waits for a place at the L2, or is refused since it has none. The worker of each
  /// attempt that is handed off there is told, unless that was done within kPlaceWantedEveryMs; and
  /// again after each such time while fetches wait, since a worker goes by what its readers took
  /// lately.
  void say(L2& l2, uint64_t now_ms);
  /// A deadline of TimerKind::kPlacesWanted passed.
  void on_timer(L2No no, uint64_t now_ms);

 private:
  Context& context_;
  Registrations& registrations_;
  Attempts& attempts_;
};

}  // namespace daphnis::broker

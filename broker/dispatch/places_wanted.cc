#include "broker/dispatch/places_wanted.h"

#include "common/base/check.h"

namespace daphnis::broker {

void PlacesWanted::say(L2& l2, uint64_t now_ms) {
  if (l2.wanted_timer.at_ms != 0) return;
  context_.timers.set(l2.wanted_timer, TimerKind::kPlacesWanted, static_cast<uint64_t>(l2.no),
                      now_ms + kPlaceWantedEveryMs);
  if (l2.has_free_place()) return;  // The L2 is behind, which no other place would help.
  for (const Uuid& id : l2.places.attempts()) {
    const Attempt* attempt = attempts_.find(id);
    check(attempt != nullptr, "a place is taken by an attempt that is gone");
    if (attempt->state() != Attempt::State::kHandedOff) continue;
    ++context_.counters.places_wanted;
    context_.tell(attempt->worker(), ipc::PlaceWanted{id});
  }
}

void PlacesWanted::on_timer(L2No no, uint64_t now_ms) {
  L2* l2 = registrations_.registry().find(no);
  if (!l2) return;
  Timers::fired(l2->wanted_timer);
  if (!l2->waiting.empty()) say(*l2, now_ms);
}

}  // namespace daphnis::broker

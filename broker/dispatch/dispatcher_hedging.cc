#include <algorithm>

#include "broker/dispatch/dispatcher.h"

/// The part of the dispatcher that asks another L2 before an order is late (DESIGN 6, hedging).
namespace daphnis::broker {

uint64_t Dispatcher::patience_with(const L2& l2, uint64_t now_ms) const {
  const uint64_t ms_max = context_.settings.first_byte_ms;
  if (context_.settings.hedging == RuleMode::kOff) return ms_max;
  return hedge_after_ms(*l2.health, registrations_.health().pool(now_ms), ms_max, now_ms);
}

void Dispatcher::hedge(Fetch& fetch, const Attempt& attempt, uint64_t now_ms) {
  if (is_streaming(fetch) || !may_ask_more(fetch, now_ms)) return;
  const Choice choice = choose(fetch, now_ms);
  if (!choice.l2 || choice.must_wait || choice.l2->is_ejected(now_ms)) return;
  Counters& counters = context_.counters;
  if (!is_calm_for_hedge(attempt, choice, now_ms)) {
    ++counters.hedges_overloaded;
    return;
  }
  // Ids that have never delivered could use the budget up by silence.
  const L2* silent = registrations_.registry().find(attempt.l2());
  const bool is_charged = !silent || silent->health->has_deeds();
  if (is_charged && !hedges_.has_room(now_ms)) {
    ++counters.hedges_over_budget;
    return;
  }
  if (is_over_bound(fetch, now_ms)) return;
  ++counters.hedges;
  counters.hedges_uncharged += is_charged ? 0 : 1;
  if (is_charged) hedges_.note_hedge(now_ms);
  if (context_.settings.hedging != RuleMode::kOn) return;
  note(choice, fetch);
  start_attempt(fetch, *choice.l2, now_ms);
  fetch.attempts.back()->mark_hedge();
}

bool Dispatcher::is_calm_for_hedge(const Attempt& attempt, const Choice& choice,
                                   uint64_t now_ms) const {
  const L2* asked = registrations_.registry().find(attempt.l2());
  return choice.l2->waiting.empty() && (!asked || asked->waiting.empty()) &&
         !hedges_.is_shedding(now_ms);
}

}  // namespace daphnis::broker

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/dispatch/dispatcher.h"

/// The part of the dispatcher that decides when a fetch asks another L2 (DESIGN 2, step 8). Orders
/// race: time alone ends none while there are other L2s to ask.
namespace daphnis::broker {

void Dispatcher::go_on(Fetch& fetch, uint64_t now_ms) {
  const auto may_serve = [&](const Attempt* attempt) { return !attempt->is_late(now_ms); };
  if (fetch.waits_for || std::ranges::any_of(fetch.attempts, may_serve)) return;
  find_candidate(fetch, now_ms);
}

void Dispatcher::find_candidate(Fetch& fetch, uint64_t now_ms) {
  const bool may_ask = may_ask_more(fetch, now_ms);
  fetch.is_known |= is_claimed(fetch) || !descent_.provers(fetch.key).empty();
  const Choice choice = may_ask ? choose(fetch, now_ms) : Choice{};
  if (choice.l2 && is_over_bound(fetch, now_ms)) {
    if (!fetch.attempts.empty()) return;  // These may still serve it.
    return give_up(fetch, Outcome::kOverloaded, fruitless_.retry_after_s(fetch.client, now_ms));
  }
  if (choice.l2 && (!choice.must_wait || fetch.attempts.empty())) note(choice, fetch);
  if (choice.l2 && !choice.must_wait) {
    hedges_.note_order(now_ms);
    start_attempt(fetch, *choice.l2, now_ms);
  } else if (!fetch.attempts.empty()) {
    return;  // These may still serve it, so it does not wait for a place beside them.
  } else if (choice.l2) {
    wait_for(fetch, choice, now_ms);
  } else {
    if (choice.is_crowded) want_places(fetch, now_ms);
    if (may_ask && fetch.is_in_mid_answer && !fetch.past_sources.ids().empty()) {
      await_holder(fetch, now_ms);
    } else {
      give_up_for_lack(fetch, choice, may_ask, now_ms);
    }
  }
}

void Dispatcher::note(const Choice& choice, Fetch& fetch) {
  fetch.completes += choice.is_complete ? 1 : 0;
  context_.counters.complete_l2s_passed_over += choice.passes_complete ? 1 : 0;
  context_.counters.bounded_load_passed_over += choice.passed_over;
  context_.counters.slow_start_passed_over += choice.passed_over_new;
  context_.counters.slow_passed_over += choice.slow_passed_over;
  context_.counters.slow_probed += choice.is_slow_probe ? 1 : 0;
  context_.counters.strangers_passed_over += choice.strangers_passed_over;
  if (choice.is_stranger) fetch.strangers.push_back(choice.l2->network);
  fetch.claimants += choice.is_claimant ? 1 : 0;
  if (!choice.is_from_descent) return;
  ++context_.counters.descent_hits;
  ++fetch.descents;
}

void Dispatcher::want_places(const Fetch& fetch, uint64_t now_ms) {
  const ProverTable::Provers provers = provers_for(fetch);
  for (const L2No no : full_candidates(fetch, registrations_, context_.settings, provers)) {
    places_wanted_.say(*registrations_.registry().find(no), now_ms);
  }
}

void Dispatcher::await_holder(Fetch& fetch, uint64_t now_ms) {
  if (fetch.awaits_holder) return;  // An L2 has registered that it cannot ask.
  ++context_.counters.holders_awaited;
  log_last_attempt(fetch, "awaits_holder");
  fetch.awaits_holder = true;
  holder_waits_.add(fetch.no);
  const uint64_t until_ms = now_ms + context_.settings.lost_holder_wait_ms;
  context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no),
                      std::min(until_ms, fetch.deadline_ms));
}

void Dispatcher::stop_awaiting(Fetch& fetch) {
  if (!std::exchange(fetch.awaits_holder, false)) return;
  context_.timers.clear(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no));
  holder_waits_.remove(fetch.no);
}

void Dispatcher::on_stalled(WorkerId worker, WorkerFetchId worker_fetch_id,
                            const ipc::Resume& resume, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(worker, worker_fetch_id);
  if (!fetch) return;
  fetch->resume = resume;
  const auto is_fresh = [&](const Attempt* attempt) {
    return attempt->state() == Attempt::State::kOrdered && !attempt->is_late(now_ms);
  };
  if (!is_streaming(*fetch) || std::ranges::any_of(fetch->attempts, is_fresh)) return;
  // The deadline is for the first block, and the worker itself ends a fetch that has none in time.
  // So the next L2 gets the whole time again.
  fetch->deadline_ms = now_ms + fetch->patience_ms;
  find_candidate(*fetch, now_ms);
}

bool Dispatcher::may_ask_more(const Fetch& fetch, uint64_t now_ms) const {
  const auto late = std::ranges::count_if(
      fetch.attempts, [&](const Attempt* attempt) { return attempt->is_late(now_ms); });
  return !fetch.tries.are_used_up(static_cast<size_t>(late), context_.settings) &&
         fetch.attempts.size() < kAttemptsAtOnceMax && fetch.orders < kAttemptsInAllMax &&
         now_ms < fetch.deadline_ms && !is_draining_;
}

ProverTable::Provers Dispatcher::provers_for(const Fetch& fetch) const {
  return context_.settings.descent == RuleMode::kOn ? descent_.provers(fetch.key)
                                                    : ProverTable::Provers{};
}

void Dispatcher::observe_descent(const Fetch& fetch, uint64_t now_ms) {
  if (context_.settings.descent != RuleMode::kObserve || !fetch.asked.empty()) return;
  const ProverTable::Provers provers = descent_.provers(fetch.key);
  const Choice choice =
      choose_candidate(fetch, registrations_, context_.settings, provers, attempts_.live(), now_ms);
  if (choice.is_from_descent) ++context_.counters.descent_hits;
}

Choice Dispatcher::choose(const Fetch& fetch, uint64_t now_ms) {
  observe_descent(fetch, now_ms);
  Choice choice = choose_candidate(fetch, registrations_, context_.settings, provers_for(fetch),
                                   attempts_.live(), now_ms);
  for (const L2No no : fetch.to_ask_again) {
    if (choice.l2) break;
    choice = choose_again(fetch, registrations_, context_.settings, no, now_ms);
  }
  if (choice.l2) return choice;
  const Choice again = choose_past_source(fetch, registrations_, context_.settings, now_ms);
  return again.l2 || again.is_crowded ? again : choice;
}

void Dispatcher::on_late(Fetch& fetch, Attempt& attempt, uint64_t now_ms) {
  if (now_ms < last_deadline_ms(fetch)) {
    go_on(fetch, now_ms);
    // Each first_byte_ms it is tried anew, since an L2 may have got a free place.
    attempt.wait_on(std::min(now_ms + context_.settings.first_byte_ms, last_deadline_ms(fetch)));
    return;
  }
  for (Attempt* open : std::vector<Attempt*>(fetch.attempts)) {
    const bool is_over = open->is_late(now_ms) || now_ms >= fetch.deadline_ms;
    if (open->state() == Attempt::State::kOrdered && is_over) {
      end_attempt(*open, {.how = Outcome::kSilent}, now_ms);
    }
  }
  go_on(fetch, now_ms);
}

/// When the orders of a fetch that are still without a POST end.
uint64_t Dispatcher::last_deadline_ms(const Fetch& fetch) const {
  return std::min(fetch.last_order_ms + context_.settings.first_byte_last_ms, fetch.deadline_ms);
}

}  // namespace daphnis::broker

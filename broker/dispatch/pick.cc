#include "broker/dispatch/pick.h"

#include <algorithm>

#include "broker/choosing/hedging.h"
#include "common/base/hash64.h"

namespace daphnis::broker {

bool Pick::offer(L2No no) {
  return fetch_.was_asked(no) || consider(no);
}

bool Pick::consider(L2No no) {
  L2* l2 = registrations_.registry().find(no);
  if (!l2 || l2->is_given_up || fetch_.past_sources.is_liar(l2->id())) return true;
  if (rules_.only_exact && l2->capabilities().stream_shape != StreamShape::kExact) return true;
  if (registrations_.health().is_barred(*l2->health, fetch_.key, now_ms_)) {
    has_liars_ = true;
    return true;
  }
  if (is_complete_for_others(*l2)) {
    ++completes_passed_over_;
    if (settings_.complete_holdings == RuleMode::kOn) {
      const bool may_ask = fetch_.completes < kCompletePerFetchMax && !l2->is_behind(now_ms_);
      if (may_ask) take(*l2, complete_free_, complete_queue_);
      return true;
    }
  }
  if (l2->is_behind(now_ms_)) {
    take_behind(*l2);
    return true;
  }
  if (l2->is_ejected(now_ms_)) {
    take(*l2, ejected_free_, ejected_queue_);
    return true;
  }
  if (is_passed_over_as_stranger(*l2)) {
    ++strangers_passed_over_;
    if (settings_.claims == RuleMode::kOn) {
      if (may_be_asked_as_stranger(*l2)) take(*l2, stranger_free_, stranger_queue_);
      return true;
    }
  }
  if (l2->has_free_place() && loses_first_place(*l2)) {
    if (!slow_free_) slow_free_ = l2;
    return true;
  }
  if (l2->has_free_place() && is_over_share(*l2)) {
    if (!over_share_) over_share_ = l2;
    return true;
  }
  take(*l2, free_, queue_);
  return !free_;
}

Choice Pick::choice() const {
  Choice choice = best();
  choice.strangers_passed_over = strangers_passed_over_;
  if (!choice.l2) return choice;
  choice.is_stranger = settings_.claims != RuleMode::kOff && choice.l2->is_stranger();
  choice.is_claimant = choice.is_stranger && has_announced(*choice.l2);
  choice.is_slow_probe = choice.l2 == slow_probed_;
  choice.slow_passed_over = free_ || over_share_ ? slow_passed_over_ : 0;
  if (completes_passed_over_ == 0) return choice;
  choice.is_complete = is_complete_for_others(*choice.l2);
  choice.passes_complete =
      choice.is_complete == (settings_.complete_holdings == RuleMode::kObserve);
  return choice;
}

bool Pick::loses_first_place(const L2& l2) {
  if (settings_.hedging == RuleMode::kOff || !fetch_.asked.empty()) return false;
  if (!is_slow(*l2.health, registrations_.health().pool(now_ms_), now_ms_)) return false;
  if (mix64(static_cast<uint64_t>(fetch_.no)) % kSlowProbeEvery == 0) {
    slow_probed_ = &l2;
    return false;
  }
  ++slow_passed_over_;
  return true;
}

bool Pick::has_announced(const L2& l2) const {
  return registrations_.holdings().has(l2.no, fetch_.key);
}

bool Pick::is_complete_for_others(const L2& l2) const {
  return rules_.puts_complete_last && l2.is_complete && !has_announced(l2);
}

bool Pick::is_passed_over_as_stranger(const L2& l2) {
  if (settings_.claims == RuleMode::kOff || !l2.is_stranger()) return false;
  const auto beside = std::ranges::count(fetch_.strangers, l2.network);
  if (static_cast<size_t>(beside) >= kStrangersPerNetworkAndFetch) return true;
  // Nobody waits for a stranger's place while others can be asked.
  if (l2.strangers->is_full() || !l2.has_free_place()) return true;
  if (!may_be_asked_as_stranger(l2) || is_second_stranger(l2)) return true;
  if (!strangers_have_room_) strangers_have_room_ = registrations_.strangers().have_room(now_ms_);
  return !*strangers_have_room_;
}

bool Pick::may_be_asked_as_stranger(const L2& l2) const {
  return fetch_.claimants < kClaimantsPerFetchMax || !has_announced(l2);
}

bool Pick::is_second_stranger(const L2& l2) const {
  if (fetch_.asked.size() != 1 || fetch_.strangers.size() != 1) return false;
  bool is_owner_there = false;
  registrations_.ring().walk(fetch_.key, 1, [&](L2No no) {
    is_owner_there = no == l2.no || no == fetch_.asked.front();
    return false;
  });
  return !is_owner_there;
}

bool Pick::is_over_share(const L2& l2) {
  if (!rules_.share) return false;
  const size_t nodes = ring_nodes(l2.weight);
  const uint64_t grown = grown_permille(now_ms_ - l2.new_since_ms, settings_.slow_start_ms);
  const size_t attempts = l2.places.attempts().size();
  if (attempts < rules_.share->bound(nodes, grown)) return false;
  ++passed_over_;
  if (attempts < rules_.share->bound(nodes)) ++passed_over_new_;
  return true;
}

Choice Pick::best() const {
  using enum Choice::Rank;
  // Slow ones, and those over their share, come before free_, since nothing is offered after
  // that.
  if (slow_free_ && settings_.hedging == RuleMode::kObserve) {
    return {.l2 = slow_free_, .rank = kGood};
  }
  if (free_ && over_share_) {
    const bool is_bound = settings_.bounded_load == RuleMode::kOn;
    return {.l2 = is_bound ? free_ : over_share_,
            .passed_over = passed_over_,
            .passed_over_new = passed_over_new_,
            .rank = kGood};
  }
  if (free_) return {.l2 = free_, .rank = kGood};
  if (over_share_) return {.l2 = over_share_, .rank = kGood};
  if (slow_free_) return {.l2 = slow_free_, .rank = kGood};
  if (queue_) return {.l2 = queue_, .must_wait = true, .rank = kGood};
  if (stranger_free_) return {.l2 = stranger_free_, .rank = kStranger};
  if (stranger_queue_) return {.l2 = stranger_queue_, .must_wait = true, .rank = kStranger};
  if (ejected_free_) return {.l2 = ejected_free_, .rank = kEjected};
  if (ejected_queue_) return {.l2 = ejected_queue_, .must_wait = true, .rank = kEjected};
  if (complete_free_) return {.l2 = complete_free_, .rank = kComplete};
  if (complete_queue_) return {.l2 = complete_queue_, .must_wait = true, .rank = kComplete};
  if (behind_) return {.l2 = behind_, .must_wait = true, .is_behind = true, .rank = kBehind};
  return {.is_crowded = is_crowded_ || shortest_wait_ms_ > 0,
          .wait_ms = shortest_wait_ms_,
          .has_liars = has_liars_};
}

void Pick::take(L2& l2, L2*& free, L2*& queue) {
  if (l2.has_free_place()) {
    if (!free) free = &l2;
  } else if (!l2.has_queue_place()) {
    is_crowded_ = true;
  } else if (l2.queue_wait_ms() > settings_.queue_wait_ms_max) {
    take_wait(l2.queue_wait_ms());
  } else if (!queue || l2.waiting.size() < queue->waiting.size()) {
    queue = &l2;
  }
}

void Pick::take_wait(uint64_t wait_ms) {
  if (shortest_wait_ms_ == 0 || wait_ms < shortest_wait_ms_) shortest_wait_ms_ = wait_ms;
}

void Pick::take_behind(L2& l2) {
  if (!l2.has_queue_place()) {
    is_crowded_ = true;
  } else if (!behind_) {
    behind_ = &l2;
  }
}

}  // namespace daphnis::broker

#include "broker/dispatch/candidates.h"

#include <algorithm>
#include <optional>

#include "broker/choosing/hedging.h"
#include "broker/dispatch/attempt.h"
#include "broker/registry/fair_share.h"
#include "broker/registry/prover_table.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

/// Is offered L2s, the preferred ones first, and keeps the best of those with a free place and of
/// those with a free place in their queue.
class Pick {
 public:
  /// `share` is the bound of the L2s' load where there is one.
  Pick(const Fetch& fetch, Registrations& registrations, const Settings& settings, uint64_t now_ms,
       bool only_exact = false, std::optional<FairShare> share = {})
      : fetch_(fetch),
        registrations_(registrations),
        settings_(settings),
        share_(share),
        now_ms_(now_ms),
        only_exact_(only_exact) {}

  /// Considers an L2 that was not asked yet. False: no later one can be better.
  bool offer(L2No no) {
    return std::ranges::find(fetch_.asked, no) != fetch_.asked.end() || consider(no);
  }
  /// Considers an L2, even if it was asked before. False: no later one can be better.
  bool consider(L2No no) {
    L2* l2 = registrations_.registry().find(no);
    if (!l2 || l2->is_given_up || fetch_.past_sources.is_liar(l2->id())) return true;
    if (only_exact_ && l2->capabilities().stream_shape != StreamShape::kExact) return true;
    if (registrations_.health().is_barred(*l2->health, fetch_.key, now_ms_)) {
      has_liars_ = true;
      return true;
    }
    if (is_complete_stranger(*l2)) {
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

  /// From now on L2s that have announced all that they have come last, unless they are among these.
  void put_complete_last(const Holdings::Holders& holders) { holders_ = &holders; }
  /// The number of those that came last, or under observe would have.
  [[nodiscard]] size_t completes_passed_over() const { return completes_passed_over_; }

  [[nodiscard]] Choice choice() const {
    Choice choice = best();
    if (!choice.l2) return choice;
    choice.is_slow_probe = choice.l2 == slow_probed_;
    choice.slow_passed_over = free_ || over_share_ ? slow_passed_over_ : 0;
    if (completes_passed_over_ == 0) return choice;
    choice.is_complete = is_complete_stranger(*choice.l2);
    choice.passes_complete =
        choice.is_complete == (settings_.complete_holdings == RuleMode::kObserve);
    return choice;
  }
  /// True where one of the L2s offered is not ejected.
  [[nodiscard]] bool has_trusted() const { return free_ || over_share_ || slow_free_ || queue_; }

 private:
  /// True where an L2 comes after others that are as likely to have the content, since it is slow
  /// and the fetch has asked nobody yet; but for some fetches, which probe it.
  [[nodiscard]] bool loses_first_place(const L2& l2) {
    if (settings_.hedging == RuleMode::kOff || !fetch_.asked.empty()) return false;
    if (!is_slow(*l2.health, registrations_.health().pool(now_ms_), now_ms_)) return false;
    if (mix64(static_cast<uint64_t>(fetch_.no)) % kSlowProbeEvery == 0) {
      slow_probed_ = &l2;
      return false;
    }
    ++slow_passed_over_;
    return true;
  }
  [[nodiscard]] bool is_complete_stranger(const L2& l2) const {
    return holders_ && l2.is_complete &&
           std::find(holders_->begin(), holders_->end(), l2.no) == holders_->end();
  }

  [[nodiscard]] Choice best() const {
    // Slow ones, and those over their share, come before free_, since nothing is offered after
    // that.
    if (slow_free_ && settings_.hedging == RuleMode::kObserve) return {.l2 = slow_free_};
    if (free_ && over_share_) {
      const bool is_bound = settings_.bounded_load == RuleMode::kOn;
      return {.l2 = is_bound ? free_ : over_share_,
              .passed_over = passed_over_,
              .passed_over_new = passed_over_new_};
    }
    if (free_) return {.l2 = free_};
    if (over_share_) return {.l2 = over_share_};
    if (slow_free_) return {.l2 = slow_free_};
    if (queue_) return {.l2 = queue_, .must_wait = true};
    if (ejected_free_) return {.l2 = ejected_free_};
    if (ejected_queue_) return {.l2 = ejected_queue_, .must_wait = true};
    if (complete_free_) return {.l2 = complete_free_};
    if (complete_queue_) return {.l2 = complete_queue_, .must_wait = true};
    if (behind_) return {.l2 = behind_, .must_wait = true, .is_behind = true};
    return {.is_crowded = is_crowded_ || shortest_wait_ms_ > 0,
            .wait_ms = shortest_wait_ms_,
            .has_liars = has_liars_};
  }

  /// True where one attempt more would be too many for the L2, which is counted.
  [[nodiscard]] bool is_over_share(const L2& l2) {
    if (!share_) return false;
    const size_t nodes = ring_nodes(l2.weight);
    const uint64_t grown = grown_permille(now_ms_ - l2.new_since_ms, settings_.slow_start_ms);
    const size_t attempts = l2.places.attempts().size();
    if (attempts < share_->bound(nodes, grown)) return false;
    ++passed_over_;
    if (attempts < share_->bound(nodes)) ++passed_over_new_;
    return true;
  }

  void take(L2& l2, L2*& free, L2*& queue) {
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

  void take_wait(uint64_t wait_ms) {
    if (shortest_wait_ms_ == 0 || wait_ms < shortest_wait_ms_) shortest_wait_ms_ = wait_ms;
  }

  void take_behind(L2& l2) {
    if (!l2.has_queue_place()) {
      is_crowded_ = true;
    } else if (!behind_) {
      behind_ = &l2;
    }
  }

  const Fetch& fetch_;
  Registrations& registrations_;
  const Settings& settings_;
  std::optional<FairShare> share_;
  uint64_t now_ms_;
  bool only_exact_;
  L2* free_ = nullptr;
  L2* queue_ = nullptr;
  L2* over_share_ = nullptr;         ///< The first with a free place and more than its share.
  L2* slow_free_ = nullptr;          ///< The first with a free place that is slow.
  const L2* slow_probed_ = nullptr;  ///< A slow one that keeps its place in this fetch.
  uint32_t slow_passed_over_ = 0;
  L2* ejected_free_ = nullptr;
  L2* ejected_queue_ = nullptr;
  L2* complete_free_ = nullptr;
  L2* complete_queue_ = nullptr;
  L2* behind_ = nullptr;
  const Holdings::Holders* holders_ = nullptr;  ///< Null: nobody comes last for being complete.
  size_t completes_passed_over_ = 0;
  uint32_t passed_over_ = 0;      ///< For having more than their share.
  uint32_t passed_over_new_ = 0;  ///< Of these, those that have less than their whole share.
  bool is_crowded_ = false;
  bool has_liars_ = false;
  uint64_t shortest_wait_ms_ = 0;  ///< Of those that are too long; 0: there was none.
};

/// Chooses among those that proved a block that links to the root. They may lack what it links to,
/// so that they alone do not decide whom a fetch asks first.
Choice choose_prover(const Fetch& fetch, Registrations& registrations, const Settings& settings,
                     std::span<const L2No> provers, uint64_t now_ms, bool only_exact) {
  const bool has_room = fetch.descents == 0 || fetch.asked.size() >= 2;
  if (!has_room || fetch.descents >= kProversPerKeyMax) return {};
  Pick pick(fetch, registrations, settings, now_ms, only_exact);
  for (const L2No no : provers) {
    if (!pick.offer(no)) break;
  }
  Choice choice = pick.has_trusted() ? pick.choice() : Choice{};
  choice.is_from_descent = choice.l2 != nullptr;
  return choice;
}

Choice choose_among(const Fetch& fetch, Registrations& registrations, const Settings& settings,
                    std::span<const L2No> provers, size_t attempts, uint64_t now_ms,
                    bool only_exact) {
  Pick holders(fetch, registrations, settings, now_ms, only_exact);
  const auto& known = registrations.holdings().holders(fetch.key);
  // The key decides at which holder a root begins, so that the holders of the same roots share the
  // load.
  const size_t begin = known.empty() ? 0 : static_cast<size_t>(fetch.key % known.size());
  for (size_t i = 0; i < known.size(); ++i) {
    if (!holders.offer(known[(begin + i) % known.size()])) break;
  }
  if (holders.has_trusted()) return holders.choice();
  const Choice prover = choose_prover(fetch, registrations, settings, provers, now_ms, only_exact);
  if (prover.l2) return prover;

  std::optional<FairShare> share;
  if (settings.bounded_load != RuleMode::kOff) {
    share = {.attempts = attempts, .nodes = registrations.ring().nodes()};
  }
  Pick others(fetch, registrations, settings, now_ms, only_exact, share);
  const Ring& ring = registrations.ring();
  const bool is_crowd = ring.size() > kCompleteL2sMin;
  if (is_crowd && settings.complete_holdings != RuleMode::kOff) others.put_complete_last(known);
  // Those passed over do not count as looked at. Where the rule is only observed, nobody is.
  const size_t passed_over_max = passes_over_complete(ring, settings) ? kCompletePassedOverMax : 0;
  const size_t looks_max = fetch.asked.size() + settings.candidates_max;
  size_t looks = 0;
  ring.walk(fetch.key, looks_max + passed_over_max, [&](L2No no) {
    const bool may_be_better = others.offer(no);
    return may_be_better && ++looks - others.completes_passed_over() < looks_max;
  });
  if (others.has_trusted()) return others.choice();
  const Choice holder = holders.choice();
  const Choice other = others.choice();
  const bool is_other_better = !holder.l2 || (holder.is_behind && other.l2 && !other.is_behind);
  Choice choice = is_other_better ? other : holder;
  choice.has_liars |= holder.has_liars;
  return choice;
}

}  // namespace

Choice choose_candidate(const Fetch& fetch, Registrations& registrations, const Settings& settings,
                        std::span<const L2No> provers, size_t attempts, uint64_t now_ms) {
  // An L2 that was asked for a guess takes no other's turn.
  if (fetch.asked.size() >= settings.candidates_max + fetch.descents) return {};
  if (fetch.prefers_exact) {
    const Choice exact =
        choose_among(fetch, registrations, settings, provers, attempts, now_ms, true);
    if (exact.l2 && !exact.is_behind && !exact.l2->is_ejected(now_ms)) return exact;
  }
  return choose_among(fetch, registrations, settings, provers, attempts, now_ms, false);
}

Choice choose_past_source(const Fetch& fetch, Registrations& registrations,
                          const Settings& settings, uint64_t now_ms) {
  Choice best;
  const auto is_free = [](const Choice& choice) { return choice.l2 && !choice.must_wait; };
  for (const std::string_view id : fetch.past_sources.ids()) {
    const L2* l2 = registrations.registry().find(id);
    if (!l2 || std::ranges::find(fetch.attempts, l2->no, &Attempt::l2) != fetch.attempts.end()) {
      continue;
    }
    const Choice choice = choose_again(fetch, registrations, settings, l2->no, now_ms);
    const bool is_exact = l2->capabilities().stream_shape == StreamShape::kExact;
    if (is_free(choice) && (is_exact || !fetch.prefers_exact)) return choice;
    const bool is_better = (choice.l2 && !best.l2) || (is_free(choice) && !is_free(best));
    if (is_better || (choice.is_crowded && !best.l2)) best = choice;
  }
  return best;
}

Choice choose_again(const Fetch& fetch, Registrations& registrations, const Settings& settings,
                    L2No no, uint64_t now_ms) {
  Pick pick(fetch, registrations, settings, now_ms);
  pick.consider(no);
  return pick.choice();
}

std::vector<L2No> full_candidates(const Fetch& fetch, Registrations& registrations,
                                  const Settings& settings, std::span<const L2No> provers) {
  std::vector<L2No> full;
  const auto consider = [&](const L2* l2) {
    const bool may_be_asked = l2 && !l2->is_given_up && !fetch.past_sources.is_liar(l2->id());
    if (may_be_asked && !l2->has_free_place()) full.push_back(l2->no);
  };
  const auto offer = [&](L2No no) {
    const bool was_asked = std::ranges::find(fetch.asked, no) != fetch.asked.end();
    if (!was_asked) consider(registrations.registry().find(no));
    return true;
  };
  for (const L2No no : registrations.holdings().holders(fetch.key)) offer(no);
  for (const L2No no : provers) offer(no);
  registrations.ring().walk(fetch.key, fetch.asked.size() + settings.candidates_max, offer);
  for (const L2No no : fetch.to_ask_again) consider(registrations.registry().find(no));
  for (const std::string_view id : fetch.past_sources.ids()) {
    consider(registrations.registry().find(id));
  }
  return full;
}

}  // namespace daphnis::broker

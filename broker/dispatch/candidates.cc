#include "broker/dispatch/candidates.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/dispatch/attempt.h"
#include "broker/dispatch/pick.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

/// So many L2s are asked before strangers that announced the root, where strangers have had their
/// share: an announcement may be false, but a guess nearly always is.
constexpr size_t kGuessesBeforeClaimants = 2;

/// What a choice goes by.
struct Question {
  const Fetch& fetch;
  Registrations& registrations;
  const Settings& settings;
  std::span<const L2No> provers;
  size_t attempts = 0;
  uint64_t now_ms = 0;
  bool only_exact = false;

  [[nodiscard]] Pick pick(Rules rules = {}) const {
    rules.only_exact = only_exact;
    return {fetch, registrations, settings, now_ms, rules};
  }
  /// Offers the holders of the root for which `is_meant`, from the one of number `begin` on, until
  /// no later one can be better.
  template <class IsMeant>
  void offer_holders(Pick& pick, uint64_t begin, const IsMeant& is_meant) const {
    const auto& known = registrations.holdings().holders(fetch.key);
    for (size_t i = 0; i < known.size(); ++i) {
      const L2No no = known[(begin + i) % known.size()];
      if (is_meant(*registrations.registry().find(no)) && !pick.offer(no)) return;
    }
  }
};

/// Chooses among those that proved the root, and the holders that are no strangers.
Choice choose_holder(const Question& question) {
  Pick pick = question.pick();
  const bool tells_strangers = question.settings.claims == RuleMode::kOn;
  for (const L2No no : question.registrations.claims().provers(question.fetch.key)) {
    if (!pick.offer(no)) return pick.choice();
  }
  // The key decides at which holder a root begins, so that the holders of the same roots share the
  // load.
  question.offer_holders(pick, question.fetch.key,
                         [&](const L2& l2) { return !tells_strangers || !l2.is_stranger(); });
  return pick.choice();
}

/// Chooses among the holders that are strangers. Chance decides at which a fetch begins, so that
/// nobody keeps others from being asked by having announced before them.
Choice choose_claimant(const Question& question) {
  if (question.settings.claims != RuleMode::kOn) return {};
  Pick pick = question.pick();
  question.offer_holders(pick, mix64(static_cast<uint64_t>(question.fetch.no)),
                         [&](const L2& l2) { return l2.is_stranger(); });
  return pick.choice();
}

/// Chooses among those that proved a block that links to the root. They may lack what it links to,
/// so that they alone do not decide whom a fetch asks first.
Choice choose_prover(const Question& question) {
  const Fetch& fetch = question.fetch;
  const bool has_room = fetch.descents == 0 || fetch.asked.size() >= 2;
  if (!has_room || fetch.descents >= kProversPerKeyMax) return {};
  Pick pick = question.pick();
  for (const L2No no : question.provers) {
    if (!pick.offer(no)) break;
  }
  Choice choice = pick.choice();
  if (choice.rank != Choice::Rank::kGood) return {};
  choice.is_from_descent = true;
  return choice;
}

/// Chooses among the L2s on the ring.
Choice choose_on_ring(const Question& question) {
  const auto& [fetch, registrations, settings, provers, attempts, now_ms, only_exact] = question;
  const Ring& ring = registrations.ring();
  Rules rules;
  if (settings.bounded_load != RuleMode::kOff) {
    rules.share = {.attempts = attempts, .nodes = ring.nodes()};
  }
  rules.puts_complete_last =
      ring.size() > kCompleteL2sMin && settings.complete_holdings != RuleMode::kOff;
  Pick pick = question.pick(rules);
  // Those passed over do not count as looked at. Where the rule is only observed, nobody is.
  const size_t passed_over_max = passes_over_complete(ring, settings) ? kCompletePassedOverMax : 0;
  const size_t looks_max = fetch.asked.size() + settings.candidates_max;
  size_t looks = 0;
  ring.walk(fetch.key, looks_max + passed_over_max, [&](L2No no) {
    const bool may_be_better = pick.offer(no);
    return may_be_better && ++looks - pick.completes_passed_over() < looks_max;
  });
  return pick.choice();
}

/// True where a stranger that announced the root, and comes later since strangers have had their
/// share, comes before any further guess.
bool ends_guessing(const Fetch& fetch, const Choice& claimant) {
  const bool is_held_back = claimant.rank == Choice::Rank::kStranger && claimant.is_claimant;
  if (!is_held_back || claimant.must_wait) return false;
  const auto beside = std::ranges::count(fetch.strangers, claimant.l2->network);
  return fetch.asked.size() >= kGuessesBeforeClaimants &&
         static_cast<size_t>(beside) < kStrangersPerNetworkAndFetch;
}

Choice choose_among(const Question& question) {
  Choice best;
  for (const auto choose : {choose_holder, choose_prover, choose_claimant, choose_on_ring}) {
    const Choice choice = choose(question);
    const bool is_better = choice.rank < best.rank;
    const bool has_wait =
        choice.wait_ms > 0 && (best.wait_ms == 0 || choice.wait_ms < best.wait_ms);
    const Choice before = std::exchange(best, is_better ? choice : best);
    best.has_liars = before.has_liars || choice.has_liars;
    best.is_crowded = !best.l2 && (before.is_crowded || choice.is_crowded);
    best.wait_ms = has_wait ? choice.wait_ms : before.wait_ms;
    best.strangers_passed_over = before.strangers_passed_over + choice.strangers_passed_over;
    if (best.rank == Choice::Rank::kGood || ends_guessing(question.fetch, best)) return best;
  }
  return best;
}

}  // namespace

Choice choose_candidate(const Fetch& fetch, Registrations& registrations, const Settings& settings,
                        std::span<const L2No> provers, size_t attempts, uint64_t now_ms) {
  // An L2 that was asked for a guess takes no other's turn.
  if (fetch.asked.size() >= settings.candidates_max + fetch.descents) return {};
  Question question{fetch, registrations, settings, provers, attempts, now_ms};
  if (fetch.prefers_exact) {
    question.only_exact = true;
    const Choice exact = choose_among(question);
    if (exact.l2 && !exact.is_behind && !exact.l2->is_ejected(now_ms)) return exact;
    question.only_exact = false;
  }
  return choose_among(question);
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
    if (!fetch.was_asked(no)) consider(registrations.registry().find(no));
    return true;
  };
  for (const L2No no : registrations.claims().provers(fetch.key)) offer(no);
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

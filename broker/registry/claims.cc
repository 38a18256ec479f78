#include "broker/registry/claims.h"

#include <algorithm>

namespace daphnis::broker {

Claims::Announced Claims::announce(const L2& l2, uint64_t key, uint64_t now_ms) {
  Counters& counters = context_.counters;
  if (broken_.has(l2.health->no(), key, now_ms)) {
    ++counters.claims_refused;
    if (is_on()) return Announced::kBroken;
  }
  if (is_on()) make_way(l2, key);
  return holdings_.add(l2, key) == Holdings::Added::kFull ? Announced::kFull : Announced::kKept;
}

void Claims::make_way(const L2& l2, uint64_t key) {
  const auto is_stranger = [&](L2No no) {
    const L2* holder = registry_.find(no);
    return holder && holder->is_stranger();
  };
  const auto displaced = holdings_.make_way(l2, key, is_stranger);
  if (!displaced) return;
  ++context_.counters.claims_displaced;
  L2* loser = registry_.find(*displaced);
  loser->is_announcement_cut = true;
  loser->is_complete = false;
}

bool Claims::withdraw(L2No l2, uint64_t key) {
  deeds_.strike(key, l2);
  return holdings_.remove(l2, key);
}

void Claims::prove(const L2& l2, uint64_t key) {
  if (context_.settings.claims == RuleMode::kOff) return;
  context_.counters.deeds_learnt += deeds_.learn(key, l2.no, l2.network) ? 1 : 0;
}

void Claims::lack(const L2& l2, uint64_t key, bool is_lie, uint64_t now_ms) {
  deeds_.strike(key, l2.no);
  // What follows from a lie is the HealthBook's.
  if (!is_lie) break_claim(l2, key, now_ms);
  holdings_.remove(l2.no, key);
}

bool Claims::fail(const L2& l2, uint64_t key, uint64_t now_ms) {
  if (has_deed(l2.no, key) || !holdings_.has(l2.no, key)) return false;
  break_claim(l2, key, now_ms);
  if (is_on()) holdings_.remove(l2.no, key);
  return true;
}

void Claims::break_claim(const L2& l2, uint64_t key, uint64_t now_ms) {
  if (context_.settings.claims == RuleMode::kOff || !holdings_.has(l2.no, key)) return;
  ++context_.counters.claims_broken;
  broken_.add(l2.health->no(), key, now_ms);
}

void Claims::mend(const L2& l2, uint64_t key, uint64_t now_ms) {
  if (!broken_.has(l2.health->no(), key, now_ms)) return;
  ++context_.counters.claims_mended;
  broken_.remove(l2.health->no(), key);
  if (is_on()) static_cast<void>(announce(l2, key, now_ms));
}

void Claims::forget(L2No l2) {
  holdings_.remove_all(l2);
  deeds_.forget(l2);
}

ProverTable::Provers Claims::provers(uint64_t key) const {
  return is_on() ? deeds_.provers(key) : ProverTable::Provers{};
}

bool Claims::has_deed(L2No l2, uint64_t key) const {
  return std::ranges::count(deeds_.provers(key), l2) > 0;
}

}  // namespace daphnis::broker

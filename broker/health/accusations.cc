#include "broker/health/accusations.h"

#include <algorithm>
#include <utility>

namespace daphnis::broker {

Accusations::Accusers Accusations::add(HealthNo l2, uint64_t root, uint64_t now_ms) {
  forget_old(now_ms);
  if (quarantined_.contains(root)) return {};
  const auto [at, is_new] = accused_.try_emplace(root, Accused{.by = {}, .since_ms = now_ms});
  if (is_new) accused_by_age_.push_back(root);
  Accusers& by = at->second.by;
  if (std::ranges::find(by, l2) == by.end()) by.push_back(l2);
  if (by.size() < kAccusersMin) return {};
  Accusers all = std::move(by);
  accused_.erase(at);
  std::erase(accused_by_age_, root);
  quarantine(root, now_ms);
  return all;
}

void Accusations::quarantine(uint64_t root, uint64_t now_ms) {
  quarantined_.emplace(root, now_ms);
  quarantined_by_age_.push_back(root);
}

void Accusations::forget_old(uint64_t now_ms) {
  const auto is_old = [&](uint64_t since_ms) { return now_ms >= since_ms + kAccusedRootMs; };
  while (!accused_by_age_.empty() && (accused_by_age_.size() >= kAccusedRootsMax ||
                                      is_old(accused_.at(accused_by_age_.front()).since_ms))) {
    accused_.erase(accused_by_age_.front());
    accused_by_age_.pop_front();
  }
  while (!quarantined_by_age_.empty() && (quarantined_by_age_.size() >= kRootsQuarantinedMax ||
                                          is_old(quarantined_.at(quarantined_by_age_.front())))) {
    quarantined_.erase(quarantined_by_age_.front());
    quarantined_by_age_.pop_front();
  }
}

bool Accusations::is_quarantined(uint64_t root, uint64_t now_ms) const {
  const auto found = quarantined_.find(root);
  return found != quarantined_.end() && now_ms < found->second + kAccusedRootMs;
}

size_t Accusations::quarantined(uint64_t now_ms) const {
  return static_cast<size_t>(std::ranges::count_if(
      quarantined_, [&](const auto& one) { return now_ms < one.second + kAccusedRootMs; }));
}

}  // namespace daphnis::broker

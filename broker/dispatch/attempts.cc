#include "broker/dispatch/attempts.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {

Attempt& Attempts::add(std::unique_ptr<Attempt> attempt) {
  const Uuid id = attempt->id();
  const auto [at, is_new] = live_.try_emplace(id, std::move(attempt));
  check(is_new, "an attempt id was given out twice");
  return *at->second;
}

Attempt* Attempts::find(const Uuid& id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second.get();
}

void Attempts::finish(const Attempt& attempt, uint64_t now_ms) {
  check(attempt.state() == Attempt::State::kOver, "an attempt was finished before its end");
  const Uuid id = attempt.id();
  finished_.emplace(id, attempt.was_delivered());
  check(live_.erase(id) == 1, "an unknown attempt was finished");
  by_age_.push_back({id, now_ms});
  forget_old(now_ms);
}

std::optional<bool> Attempts::was_delivered(const Uuid& id, uint64_t now_ms) {
  forget_old(now_ms);
  const auto found = finished_.find(id);
  return found == finished_.end() ? std::nullopt : std::optional(found->second);
}

void Attempts::forget_old(uint64_t now_ms) {
  while (!by_age_.empty()) {
    const bool is_old = now_ms - by_age_.front().at_ms >= limits::kAttemptRememberedMs;
    if (!is_old && by_age_.size() <= limits::kAttemptsRememberedMax) return;
    if (!is_old) ++forgotten_early_;
    finished_.erase(by_age_.front().id);
    by_age_.pop_front();
  }
}

std::vector<Uuid> Attempts::of_worker(WorkerId worker) const {
  std::vector<Uuid> ids;
  for (const auto& [id, attempt] : live_) {
    if (attempt->worker() == worker) ids.push_back(id);
  }
  std::ranges::sort(ids);  // The table's own order differs from run to run.
  return ids;
}

}  // namespace daphnis::broker

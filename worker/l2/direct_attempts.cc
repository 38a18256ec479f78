#include "worker/l2/direct_attempts.h"

#include "common/base/limits.h"

namespace daphnis::worker {

void DirectAttempts::add(const ipc::AttemptOut& attempt) {
  if (out_.size() < limits::kDirectAttemptsMax) out_.insert_or_assign(attempt.attempt_id, attempt);
}

const ipc::AttemptOut* DirectAttempts::find(const Uuid& id) const {
  const auto found = out_.find(id);
  return found == out_.end() ? nullptr : &found->second;
}

void DirectAttempts::end(const Uuid& id, bool was_delivered, uint64_t now_ms) {
  if (out_.erase(id) == 0) return;
  over_.insert_or_assign(id, was_delivered);
  by_age_.push_back({id, now_ms});
  forget_old(now_ms);
}

std::optional<bool> DirectAttempts::was_delivered(const Uuid& id, uint64_t now_ms) {
  forget_old(now_ms);
  const auto found = over_.find(id);
  return found == over_.end() ? std::nullopt : std::optional(found->second);
}

void DirectAttempts::clear() {
  out_.clear();
  over_.clear();
  by_age_.clear();
}

void DirectAttempts::forget_old(uint64_t now_ms) {
  while (!by_age_.empty()) {
    const bool is_old = now_ms - by_age_.front().at_ms >= limits::kAttemptRememberedMs;
    if (!is_old && by_age_.size() <= limits::kDirectAttemptsMax) return;
    over_.erase(by_age_.front().id);
    by_age_.pop_front();
  }
}

}  // namespace daphnis::worker

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
  const auto found = out_.find(id);
  if (found == out_.end()) return;
  over_.insert_or_assign(id, Over{was_delivered, std::string(certificate_of(id))});
  out_.erase(found);
  by_age_.push_back({id, now_ms});
  forget_old(now_ms);
}

std::string_view DirectAttempts::certificate_of(const Uuid& id) const {
  if (const auto over = over_.find(id); over != over_.end()) return over->second.certificate_of;
  const ipc::AttemptOut* out = find(id);
  return out && out->needs_certificate ? std::string_view(out->l2_id) : std::string_view();
}

std::optional<bool> DirectAttempts::was_delivered(const Uuid& id, uint64_t now_ms) {
  forget_old(now_ms);
  const auto found = over_.find(id);
  return found == over_.end() ? std::nullopt : std::optional(found->second.was_delivered);
}

void DirectAttempts::clear() {
  out_.clear();
  over_.clear();
  by_age_.clear();
}

void DirectAttempts::forget_old(uint64_t now_ms) {
  while (!by_age_.empty()) {
    const bool is_old = now_ms - by_age_.front().over_ms >= limits::kAttemptRememberedMs;
    if (!is_old && by_age_.size() <= limits::kDirectAttemptsMax) return;
    over_.erase(by_age_.front().id);
    by_age_.pop_front();
  }
}

}  // namespace daphnis::worker

#include "broker/health/standing.h"

#include <algorithm>

namespace daphnis::broker {
namespace {

constexpr uint32_t kDoublingsMax = 12;  ///< An hour is fewer doublings of a second.

}  // namespace

std::string_view name(EjectionReason reason) {
  switch (reason) {
    case EjectionReason::kLied:
      return "lied";
    case EjectionReason::kFailing:
      return "failing";
    case EjectionReason::kOperator:
      return "operator";
  }
  return "unknown";
}

uint64_t Standing::eject(EjectionReason reason, std::optional<uint64_t> root, uint64_t first_ms,
                         uint64_t now_ms) {
  const bool goes_on = is_ejected(now_ms) && reason_ == EjectionReason::kLied;
  if (!goes_on) {
    root_ = root;
    doublings_before_ = doublings_;
    successes_needed_before_ = successes_needed_;
  } else if (root_ != root) {
    root_.reset();
  }
  const uint64_t for_ms = std::min(first_ms << doublings_, kEjectionMsMax);
  doublings_ = std::min(doublings_ + 1, kDoublingsMax);
  successes_needed_ = kProbationSuccesses;
  reason_ = reason;
  ejected_ms_ = now_ms;
  until_ms_ = std::max(until_ms_, now_ms + for_ms);
  conduct_ms_ = until_ms_;
  return until_ms_ - now_ms;
}

void Standing::eject_by_operator(uint64_t for_ms, uint64_t now_ms) {
  reason_ = EjectionReason::kOperator;
  ejected_ms_ = now_ms;
  until_ms_ = now_ms + for_ms;
  root_.reset();
}

bool Standing::take_back(std::optional<uint64_t> root, uint64_t since_ms, uint64_t now_ms) {
  if (!is_ejected(now_ms) || reason_ != EjectionReason::kLied || ejected_ms_ < since_ms) {
    return false;
  }
  if (root && root_ != root) return false;
  until_ms_ = ejected_ms_ = 0;
  conduct_ms_ = now_ms;
  doublings_ = doublings_before_;
  successes_needed_ = successes_needed_before_;
  root_.reset();
  return true;
}

bool Standing::on_success(uint64_t now_ms) {
  if (is_ejected(now_ms)) return false;  // It is asked last, and its time is not over.
  if (doublings_ > 0 && now_ms >= conduct_ms_ + kGoodConductMs) {
    --doublings_;
    conduct_ms_ = now_ms;
  }
  return successes_needed_ > 0 && --successes_needed_ == 0;
}

}  // namespace daphnis::broker

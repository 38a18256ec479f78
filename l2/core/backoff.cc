#include "l2/core/backoff.h"

#include <algorithm>

#include "common/base/limits.h"

namespace daphnis::l2 {

uint64_t Backoff::window_ms() const {
  uint64_t window = limits::kReconnectFirstMs;
  for (unsigned i = 0; i < failures_ && window < limits::kReconnectMaxMs; ++i) window += window / 2;
  return std::min(window, limits::kReconnectMaxMs);
}

uint64_t Backoff::draw(uint64_t bound) {
  return random_() % (bound + 1);
}

uint64_t Backoff::next_ms() {
  const uint64_t window = window_ms();
  ++failures_;
  constexpr uint64_t kLeastMs = limits::kReconnectFirstMs / 20;
  return kLeastMs + draw(window - kLeastMs);
}

uint64_t Backoff::next_after_ms(uint64_t asked_ms) {
  const uint64_t asked = std::min(asked_ms, limits::kRetryAfterMaxMs);
  const uint64_t spread = std::max(asked / 4, window_ms());
  ++failures_;
  return asked + draw(spread);
}

}  // namespace daphnis::l2

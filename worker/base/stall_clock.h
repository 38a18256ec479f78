#pragma once

#include <cstdint>

#include "worker/base/agenda.h"

namespace daphnis::worker {

/// A deadline whose clock stands still while this worker itself causes the silence (DESIGN 2, step
/// 8). Times are milliseconds.
class StallClock {
 public:
  /// Sets the deadline `allowance_ms` from now, whatever was left before. While paused, the time
  /// counts from resume().
  void start(uint64_t allowance_ms, uint64_t now_ms) {
    left_ms_ = allowance_ms;
    deadline_ms_ = is_paused_ ? kNever : now_ms + allowance_ms;
  }
  void stop() {
    left_ms_ = kNever;
    deadline_ms_ = kNever;
  }
  void pause(uint64_t now_ms) {
    if (is_paused_) return;
    is_paused_ = true;
    if (deadline_ms_ == kNever) return;
    left_ms_ = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 0;
    deadline_ms_ = kNever;
  }
  void resume(uint64_t now_ms) {
    if (!is_paused_) return;
    is_paused_ = false;
    if (left_ms_ != kNever) deadline_ms_ = now_ms + left_ms_;
  }

  /// The deadline; kNever while paused or stopped.
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  [[nodiscard]] bool has_passed(uint64_t now_ms) const { return now_ms >= deadline_ms_; }

 private:
  uint64_t deadline_ms_ = kNever;
  uint64_t left_ms_ = kNever;  ///< The time left, while paused; kNever while stopped.
  bool is_paused_ = false;
};

}  // namespace daphnis::worker

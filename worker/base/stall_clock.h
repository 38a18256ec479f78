#pragma once

#include <cstdint>

#include "worker/base/agenda.h"

namespace daphnis::worker {

/// A deadline whose clock stands still while we ourselves are the cause of the silence (DESIGN 2,
/// step 8). Times are milliseconds.
class StallClock {
 public:
  /// Gives `allowance_ms` from now on, whatever was left before.
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

  /// kNever while paused or stopped.
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  [[nodiscard]] bool has_passed(uint64_t now_ms) const { return now_ms >= deadline_ms_; }

 private:
  uint64_t deadline_ms_ = kNever;
  uint64_t left_ms_ = kNever;  ///< Meaningful while paused.
  bool is_paused_ = false;
};

}  // namespace daphnis::worker

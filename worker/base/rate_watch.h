#pragma once

#include <cstdint>

#include "worker/base/agenda.h"

namespace daphnis::worker {

/// Finds a peer that keeps a transfer going with next to nothing: in each full window it must move
/// at least a set rate. Runs only while the peer is what the transfer waits for.
class RateWatch {
 public:
  /// `bytes` is any count that grows as the peer moves. Does nothing if it runs already.
  void run(uint64_t bytes, uint64_t window_ms, uint64_t now_ms) {
    if (ends_ms_ != kNever) return;
    ends_ms_ = now_ms + window_ms;
    window_ms_ = window_ms;
    bytes_ = bytes;
  }
  void stop() { ends_ms_ = kNever; }
  /// When the window ends; kNever where none runs.
  [[nodiscard]] uint64_t ends_ms() const { return ends_ms_; }

  /// True: the window is over and the peer moved less than `bytes_per_s`. A window that is over
  /// without that is followed by the next.
  [[nodiscard]] bool is_too_slow(uint64_t bytes, uint64_t bytes_per_s, uint64_t now_ms) {
    if (now_ms < ends_ms_) return false;
    const uint64_t moved = bytes > bytes_ ? bytes - bytes_ : 0;
    if (moved * 1'000 < bytes_per_s * window_ms_) return true;
    stop();
    run(bytes, window_ms_, now_ms);
    return false;
  }

 private:
  uint64_t ends_ms_ = kNever;
  uint64_t window_ms_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace daphnis::worker

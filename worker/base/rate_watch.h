#pragma once

#include <cstdint>

#include "worker/base/agenda.h"

namespace daphnis::worker {

/// Finds a peer that keeps a transfer alive with almost no bytes: in each full window it must move
/// at least a given rate. The watch runs only while the transfer waits for that peer.
class RateWatch {
 public:
  /// Begins a window of `window_ms`. `bytes` is a count that grows as the peer moves bytes. A watch
  /// that runs already is left as it is.
  void run(uint64_t bytes, uint64_t window_ms, uint64_t now_ms) {
    if (ends_ms_ != kNever) return;
    ends_ms_ = now_ms + window_ms;
    window_ms_ = window_ms;
    bytes_ = bytes;
  }
  void stop() { ends_ms_ = kNever; }
  /// The end of the window; kNever where none runs.
  [[nodiscard]] uint64_t ends_ms() const { return ends_ms_; }

  /// True where the window is over and the peer moved less than `bytes_per_s` in it. A window that
  /// ends well is followed by the next.
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

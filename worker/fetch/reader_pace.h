#pragma once

#include <cstdint>

#include "worker/base/agenda.h"

namespace daphnis::worker {

/// How fast the readers of a fetch have taken its output while they paced its source. Owned by the
/// fetch.
class ReaderPace {
 public:
  /// Notes what output has been made so far: once in a window. To be called when the readers pause
  /// the source, and at least once in each window while they do.
  void note(uint64_t bytes, uint64_t window_ms, uint64_t now_ms) {
    if (last_.at_ms != kNever && now_ms - last_.at_ms < window_ms) return;
    before_ = last_;
    last_ = {.at_ms = now_ms, .bytes = bytes};
  }
  /// True where they took less than `bytes_per_s` from one of the last two notes on, made at least
  /// `window_ms` ago.
  [[nodiscard]] bool is_slow(uint64_t bytes, uint64_t bytes_per_s, uint64_t window_ms,
                             uint64_t now_ms) const {
    const auto is_old = [&](const Mark& mark) {
      return mark.at_ms != kNever && now_ms - mark.at_ms >= window_ms;
    };
    const Mark& from = is_old(last_) ? last_ : before_;
    return is_old(from) && (bytes - from.bytes) * 1'000 < bytes_per_s * (now_ms - from.at_ms);
  }

 private:
  struct Mark {
    uint64_t at_ms = kNever;
    uint64_t bytes = 0;
  };
  Mark last_;
  Mark before_;  ///< At least a window before last_.
};

}  // namespace daphnis::worker

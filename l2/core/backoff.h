#pragma once

#include <cstdint>
#include <functional>

namespace daphnis::l2 {

/// 64 random bits; need not be cryptographic.
using Random = std::function<uint64_t()>;

/// How long to wait before the next try. Each delay is drawn evenly from a window that begins at
/// kReconnectFirstMs and grows by half up to kReconnectMaxMs ("full jitter"), so that thousands of
/// L2s that lost one L1 at one moment do not come back at one moment. Owned by a session.
class Backoff {
 public:
  explicit Backoff(Random random) : random_(std::move(random)) {}

  /// The delay after one more failure, in milliseconds, at least kReconnectFirstMs / 20.
  [[nodiscard]] uint64_t next_ms();
  /// The delay when the peer has asked for `asked_ms` (at most kRetryAfterMaxMs is believed): never
  /// less than that, and up to a quarter or one window more, whichever is longer.
  [[nodiscard]] uint64_t next_after_ms(uint64_t asked_ms);
  /// All is well: the next failure begins with the first window.
  void reset() { failures_ = 0; }

 private:
  [[nodiscard]] uint64_t window_ms() const;
  [[nodiscard]] uint64_t draw(uint64_t bound);

  Random random_;
  unsigned failures_ = 0;
};

}  // namespace daphnis::l2

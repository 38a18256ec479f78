#pragma once

#include <cstdint>
#include <functional>

namespace daphnis::l2 {

/// Returns 64 random bits, which need not be cryptographic.
using Random = std::function<uint64_t()>;

/// Decides how long to wait before the next try. Each delay is drawn evenly from a window that
/// begins at kReconnectFirstMs and grows by half up to kReconnectMaxMs ("full jitter"), so that
/// thousands of L2s that lost one L1 at the same moment do not all return at the same moment. Owned
/// by a session.
class Backoff {
 public:
  explicit Backoff(Random random) : random_(std::move(random)) {}

  /// The delay after one more failure, in milliseconds, at least kReconnectFirstMs / 20.
  [[nodiscard]] uint64_t next_ms();
  /// The delay in milliseconds when the peer has asked for `asked_ms`, which is cut to
  /// kRetryAfterMaxMs: never less, and up to a quarter of it or one window more, whichever is
  /// longer.
  [[nodiscard]] uint64_t next_after_ms(uint64_t asked_ms);
  /// Called after a success: the next failure begins with the first window.
  void reset() { failures_ = 0; }

 private:
  [[nodiscard]] uint64_t window_ms() const;
  [[nodiscard]] uint64_t draw(uint64_t bound);

  Random random_;
  unsigned failures_ = 0;
};

}  // namespace daphnis::l2

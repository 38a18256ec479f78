#pragma once

#include <algorithm>
#include <cstdint>

namespace daphnis {

/// Counts what may happen so often a second, and so often at once after a quiet time. It is full at
/// first. A pure value.
class TokenBucket {
 public:
  /// `rate_per_s` at least 1.
  TokenBucket(uint64_t rate_per_s, uint64_t burst)
      : rate_(static_cast<int64_t>(rate_per_s)),
        full_(static_cast<int64_t>(burst) * kToken),
        level_(full_) {}

  [[nodiscard]] bool has_token(uint64_t now_ms) { return level(now_ms) >= kToken; }
  /// Takes a token. Where there is none it is owed, at most `owed_max` of them; what goes beyond
  /// that is forgiven.
  void take(uint64_t owed_max, uint64_t now_ms) {
    const int64_t least = -static_cast<int64_t>(owed_max) * kToken;
    level_ = std::max(level(now_ms) - kToken, least);
  }
  /// True where it is as if it were new.
  [[nodiscard]] bool is_full(uint64_t now_ms) { return level(now_ms) == full_; }
  /// The time until it has a token, in ms; 0: it has one.
  [[nodiscard]] uint64_t wait_ms(uint64_t now_ms) {
    const int64_t lacking = std::max<int64_t>(kToken - level(now_ms), 0);
    return static_cast<uint64_t>((lacking + rate_ - 1) / rate_);
  }

 private:
  /// Levels are in thousandths of a token, of which `rate_` come in each millisecond.
  static constexpr int64_t kToken = 1'000;

  int64_t level(uint64_t now_ms) {
    if (now_ms > at_ms_) {
      const uint64_t to_full_ms = static_cast<uint64_t>((full_ - level_ + rate_ - 1) / rate_);
      const bool is_long = now_ms - at_ms_ >= to_full_ms;
      level_ = is_long ? full_ : level_ + rate_ * static_cast<int64_t>(now_ms - at_ms_);
      at_ms_ = now_ms;
    }
    return level_;
  }

  int64_t rate_;
  int64_t full_;
  int64_t level_;
  uint64_t at_ms_ = 0;
};

}  // namespace daphnis

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/rule_mode.h"

namespace daphnis {

/// How much may be under way at once in a process that has no processor time to spare: an adaptive
/// concurrency limit, which falls while the process is busy all the time and else grows, by a part
/// of itself each time. What is under way beyond it would only wait longer, until its answers are
/// of no use to anybody.
class BusyLimit {
 public:
  /// The limit moves between `least` and `most`. Below `least` nothing is refused, since work that
  /// waits for others needs no processor.
  BusyLimit(RuleMode mode, size_t least, size_t most) : mode_(mode), least_(least), most_(most) {}

  /// True where nothing more is to begin beside what is `under_way`. `busy_us()` says for how many
  /// microseconds the process has run, or has waited for a processor, since it started; it is
  /// called every kSampleMs at most, and only where `least` or more is under way.
  template <typename Source>
  [[nodiscard]] bool is_over(size_t under_way, uint64_t now_ms, const Source& busy_us) {
    if (mode_ == RuleMode::kOff || under_way < least_) return false;
    if (now_ms >= sampled_ms_ + kSampleMs) take(busy_us(), now_ms);
    return under_way >= limit_;
  }
  /// False where the rule only counts, or is off.
  [[nodiscard]] bool is_on() const { return mode_ == RuleMode::kOn; }

  static constexpr uint64_t kSampleMs = 100;    ///< Between samples, at least.
  static constexpr uint64_t kForgetMs = 1'000;  ///< After so long a limit says nothing any more.
  static constexpr uint64_t kBusyPercent = 95;  ///< Of the time between samples; then it is busy.
  static constexpr size_t kStep = 8;            ///< The limit moves by one part in so many.

 private:
  void take(uint64_t busy_us, uint64_t now_ms) {
    const uint64_t elapsed_ms = now_ms - sampled_ms_;
    const size_t step = limit_ / kStep + 1;
    if (elapsed_ms > kForgetMs) {
      limit_ = most_;
    } else if ((busy_us - busy_us_) * 100 >= elapsed_ms * 1'000 * kBusyPercent) {
      limit_ = std::max(least_, limit_ - std::min(step, limit_));
    } else {
      limit_ = std::min(most_, limit_ + step);
    }
    busy_us_ = busy_us;
    sampled_ms_ = now_ms;
  }

  RuleMode mode_;
  size_t least_;
  size_t most_;
  size_t limit_ = most_;
  uint64_t sampled_ms_ = 0;
  uint64_t busy_us_ = 0;
};

}  // namespace daphnis

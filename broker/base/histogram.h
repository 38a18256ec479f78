#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace daphnis::broker {

/// Counts durations in milliseconds, in 16 buckets to each power of two: a value is known to within
/// 1/16, below 16 ms exactly. A duration of 2^20 ms or more counts as 2^20 - 1. A value type.
class Histogram {
 public:
  void record(uint64_t value_ms) {
    ++counts_[bucket_of(value_ms)];
    ++count_;
    sum_ms_ += value_ms;
  }
  void clear() { *this = {}; }

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t sum_ms() const { return sum_ms_; }

  /// The upper bound of the bucket where the quantile (0..1) falls; nullopt without values.
  [[nodiscard]] std::optional<uint64_t> quantile(double q) const {
    if (count_ == 0) return std::nullopt;
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count_ - 1)) + 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank) return upper_of(i);
    }
    return upper_of(kBuckets - 1);
  }
  /// The number of values up to `bound_ms`, to the precision of a bucket.
  [[nodiscard]] uint64_t at_most(uint64_t bound_ms) const {
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets && upper_of(i) <= bound_ms; ++i) seen += counts_[i];
    return seen;
  }

 private:
  static constexpr size_t kSub = 16;
  static constexpr size_t kSubBits = 4;
  static constexpr uint64_t kMax = (uint64_t{1} << 20) - 1;
  static constexpr size_t kBuckets = (20 - kSubBits + 1) * kSub;

  static constexpr size_t bucket_of(uint64_t value) {
    if (value > kMax) value = kMax;
    if (value < kSub) return static_cast<size_t>(value);
    const auto shift = static_cast<size_t>(std::bit_width(value)) - kSubBits - 1;
    return (shift + 1) * kSub + static_cast<size_t>(value >> shift) - kSub;
  }
  static constexpr uint64_t upper_of(size_t bucket) {
    if (bucket < kSub) return bucket;
    const size_t shift = bucket / kSub - 1;
    return ((uint64_t{bucket % kSub} + kSub + 1) << shift) - 1;
  }

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t sum_ms_ = 0;
};

}  // namespace daphnis::broker

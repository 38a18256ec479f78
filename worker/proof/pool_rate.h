#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace daphnis::worker {

/// The rates of the streams that ended well lately, whichever L2s sent them: what a stream under
/// way is compared with. Owned by the Worker.
class PoolRate {
 public:
  static constexpr size_t kSamplesMax = 31;
  static constexpr size_t kSamplesMin = 5;             ///< Fewer say nothing of the pool.
  static constexpr uint64_t kSampleBytesMin = 65'536;  ///< Shorter streams measure only latency.

  /// A stream of `bytes` bytes was read in `ms` milliseconds, not counting pauses.
  void add(uint64_t bytes, uint64_t ms) {
    if (bytes < kSampleBytesMin) return;
    rates_[added_++ % kSamplesMax] = bytes * 1'000 / std::max<uint64_t>(ms, 1);
  }
  /// The median in bytes a second; nullopt while fewer than kSamplesMin are known.
  [[nodiscard]] std::optional<uint64_t> median() const {
    if (added_ < kSamplesMin) return std::nullopt;
    auto sorted = rates_;
    const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(added_, kSamplesMax));
    const auto middle = sorted.begin() + (end - sorted.begin()) / 2;
    std::nth_element(sorted.begin(), middle, end);
    return *middle;
  }

 private:
  std::array<uint64_t, kSamplesMax> rates_{};  ///< A ring; the first min(added_, size) are valid.
  size_t added_ = 0;
};

}  // namespace daphnis::worker

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/health/window.h"

namespace daphnis::broker {

inline constexpr uint64_t kLatencyPartMs = 60'000;  ///< A window has one or two minutes.
inline constexpr size_t kP95SamplesMin = 32;        ///< From so many samples on there is a p95.
/// A time beyond counts as this. Orders are not waited for much longer.
inline constexpr uint64_t kLatencyMsMax = 4'095;

/// The first-byte times of one L2 in the last one to two minutes: from an order to the head of its
/// POST, in ms. They are counted in buckets: 2 ms wide up to 16 ms, then eight to each power of
/// two, so that a value is known to within 1/8. Takes 304 bytes. A value type.
class Latencies {
 public:
  void add(uint64_t ms, uint64_t now_ms);
  /// A time that was added as `was_ms`, while it was not over yet, turns out to be `ms`. Where the
  /// former is forgotten, the latter is added alone.
  void correct(uint64_t was_ms, uint64_t ms, uint64_t now_ms);

  [[nodiscard]] size_t samples(uint64_t now_ms) const;
  /// The median; nullopt without samples.
  [[nodiscard]] std::optional<uint64_t> p50(uint64_t now_ms) const;
  /// 95 of 100 are at most this; nullopt with fewer than kP95SamplesMin samples.
  [[nodiscard]] std::optional<uint64_t> p95(uint64_t now_ms) const;

 private:
  static constexpr size_t kBuckets = 72;
  using Counts = std::array<uint16_t, kBuckets>;

  /// The quantile (0 to 1), interpolated within its bucket; nullopt with fewer samples than
  /// `samples_min`.
  [[nodiscard]] std::optional<uint64_t> quantile(double q, size_t samples_min,
                                                 uint64_t now_ms) const;

  Window<Counts, kLatencyPartMs> window_;
};

static_assert(sizeof(Latencies) <= 304, "an L2's latencies have few bytes");

}  // namespace daphnis::broker

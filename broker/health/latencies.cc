#include "broker/health/latencies.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace daphnis::broker {
namespace {

// Up to 16 ms there are eight buckets of 2 ms, as to each power of two from there on.
constexpr size_t kSub = 8;
constexpr uint64_t kEvenBelowMs = 16;

size_t bucket_of(uint64_t ms) {
  ms = std::min(ms, kLatencyMsMax);
  if (ms < kEvenBelowMs) return static_cast<size_t>(ms / 2);
  const auto width = static_cast<size_t>(std::bit_width(ms));
  return (width - 4) * kSub + static_cast<size_t>(ms >> (width - 4)) % kSub;
}

double width_of(size_t bucket) {
  return static_cast<double>(uint64_t{2} << (bucket < kSub ? 0 : bucket / kSub - 1));
}

double lower_of(size_t bucket) {
  if (bucket < kSub) return static_cast<double>(2 * bucket);
  return static_cast<double>(kSub + bucket % kSub) * width_of(bucket);
}

}  // namespace

void Latencies::add(uint64_t ms, uint64_t now_ms) {
  Counts& counts = window_.at(now_ms);
  uint16_t& count = counts[bucket_of(ms)];
  if (count == std::numeric_limits<uint16_t>::max()) {
    // Half of each keeps the quantiles.
    for (uint16_t& one : counts) one = static_cast<uint16_t>(one / 2);
  }
  ++count;
}

void Latencies::correct(uint64_t was_ms, uint64_t ms, uint64_t now_ms) {
  window_.find(now_ms, [&](Counts& counts) {
    uint16_t& count = counts[bucket_of(was_ms)];
    if (count == 0) return false;
    --count;
    return true;
  });
  add(ms, now_ms);
}

size_t Latencies::samples(uint64_t now_ms) const {
  size_t all = 0;
  window_.each(now_ms, [&](const Counts& counts) {
    all = std::accumulate(counts.begin(), counts.end(), all);
  });
  return all;
}

std::optional<uint64_t> Latencies::p50(uint64_t now_ms) const {
  return quantile(0.5, 1, now_ms);
}

std::optional<uint64_t> Latencies::p95(uint64_t now_ms) const {
  return quantile(0.95, kP95SamplesMin, now_ms);
}

std::optional<uint64_t> Latencies::quantile(double q, size_t samples_min, uint64_t now_ms) const {
  std::array<uint32_t, kBuckets> sums{};
  size_t all = 0;
  window_.each(now_ms, [&](const Counts& counts) {
    for (size_t i = 0; i < kBuckets; ++i) sums[i] += counts[i];
    all = std::accumulate(counts.begin(), counts.end(), all);
  });
  if (all < samples_min) return std::nullopt;
  const double rank = q * static_cast<double>(all - 1);
  double before = 0;
  size_t bucket = 0;
  while (before + sums[bucket] <= rank) before += sums[bucket++];
  const double part = (rank - before + 0.5) / sums[bucket];
  return static_cast<uint64_t>(lower_of(bucket) + width_of(bucket) * std::min(part, 1.0));
}

}  // namespace daphnis::broker

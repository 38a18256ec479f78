#include "broker/cache/frequency_sketch.h"

#include <algorithm>
#include <array>
#include <bit>

namespace daphnis::broker {
namespace {

constexpr size_t kRows = 4;
constexpr size_t kKeysMin = 1024;
/// The adds per key between two halvings; TinyLFU's evaluation found ten good.
constexpr uint64_t kFadeAddsPerKey = 10;
/// Odd factors that give each row a hash of its own.
constexpr std::array<uint64_t, kRows> kMix = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9,
                                              0x94d049bb133111eb, 0xd6e8feb86659fd93};

}  // namespace

FrequencySketch::FrequencySketch(size_t keys) {
  const size_t width = std::bit_ceil(std::max(keys, kKeysMin));
  mask_ = width - 1;
  fade_every_ = kFadeAddsPerKey * width;
  adds_until_fade_ = fade_every_;
  counters_.resize(kRows * width);
}

size_t FrequencySketch::place(uint64_t key_hash, size_t row) const {
  return row * (mask_ + 1) + ((key_hash * kMix[row] >> 24) & mask_);
}

void FrequencySketch::add(uint64_t key_hash) {
  // Conservative update: only the smallest counters grow, which keeps collisions from adding up.
  const uint32_t least = estimate(key_hash);
  if (least < kCountMax) {
    for (size_t row = 0; row < kRows; ++row) {
      uint8_t& counter = counters_[place(key_hash, row)];
      if (counter == least) ++counter;
    }
  }
  if (--adds_until_fade_ == 0) fade();
}

uint32_t FrequencySketch::estimate(uint64_t key_hash) const {
  uint32_t least = kCountMax;
  for (size_t row = 0; row < kRows; ++row) {
    least = std::min<uint32_t>(least, counters_[place(key_hash, row)]);
  }
  return least;
}

void FrequencySketch::fade() {
  for (uint8_t& counter : counters_) counter = static_cast<uint8_t>(counter / 2);
  adds_until_fade_ = fade_every_;
}

}  // namespace daphnis::broker

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace daphnis::broker {

/// Estimates how often each key was requested lately, in a fixed amount of memory and also for keys
/// that the cache does not hold. It is a count-min sketch (Cormode and Muthukrishnan, 2005) of four
/// rows of small counters that are halved from time to time, as in TinyLFU (Einziger et al., 2017),
/// so that old popularity fades. Owned by the policy.
class FrequencySketch {
 public:
  static constexpr uint32_t kCountMax = 255;

  /// Takes four bytes for each of `keys` distinct keys, rounded up to a power of two.
  explicit FrequencySketch(size_t keys);

  /// Counts one request for the key with this hash, all of whose 64 bits are used.
  void add(uint64_t key_hash);
  /// The count, 0 to kCountMax; never less than the true faded count, and seldom more.
  [[nodiscard]] uint32_t estimate(uint64_t key_hash) const;

 private:
  [[nodiscard]] size_t place(uint64_t key_hash, size_t row) const;
  void fade();

  size_t mask_;
  uint64_t adds_until_fade_;
  uint64_t fade_every_;
  std::vector<uint8_t> counters_;
};

}  // namespace daphnis::broker

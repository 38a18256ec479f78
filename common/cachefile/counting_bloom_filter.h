#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/request/car_request.h"

namespace daphnis {

/// Tells that a key is surely not in the cache, without a look at the disk: a counting Bloom filter
/// (Fan et al., "Summary Cache", 2000) with two hashes, in memory that the broker writes and all
/// workers read. A false "may hold" costs a look at the disk (2 in 1000 absent keys at 50,000
/// entries, 1 in 7 at 500,000). For a moment the filter may lack a key that was just added: the
/// worker then asks the broker, which knows of it.
///
/// The filter is a view of memory that outlives it. One process writes and any number read, without
/// locks.
class CountingBloomFilter {
 public:
  static constexpr size_t kCounters = size_t{1} << 21;
  /// The memory a filter needs. It starts all zero, which means incomplete: may_hold() says true.
  static constexpr size_t kBytes = 64 + kCounters;

  /// `memory` has kBytes, aligned to 4.
  explicit CountingBloomFilter(std::span<uint8_t> memory);

  void add(const RequestKey& key);
  /// Takes out a key that was added before; anything else is a bug.
  void remove(const RequestKey& key);
  /// Says whether every key in the cache has been added. Until then may_hold() is always true.
  void set_complete(bool is_complete);

  /// False: the cache does not hold this key.
  [[nodiscard]] bool may_hold(const RequestKey& key) const;

 private:
  [[nodiscard]] uint32_t& state() const;
  [[nodiscard]] std::span<uint8_t> counters() const { return memory_.subspan(64); }

  std::span<uint8_t> memory_;
};

}  // namespace daphnis

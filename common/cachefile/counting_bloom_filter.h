#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/request/car_request.h"

namespace daphnis {

/// Tells that a key is surely not in the cache, without a look at the disk: a counting Bloom filter
/// (Fan et al., "Summary Cache", 2000) with two hashes, in memory that the broker writes and all
/// workers read. It may hold what is not there (2 in 1000 at 50,000 entries, 1 in 7 at 500,000),
/// and for a moment lack what has just come: the broker, who is asked next, knows better then.
///
/// A view of memory that outlives it. One writes, any number read, without locks.
class CountingBloomFilter {
 public:
  static constexpr size_t kCounters = size_t{1} << 21;
  /// The memory it needs; all zero at first, which tells nothing yet.
  static constexpr size_t kBytes = 64 + kCounters;

  /// `memory` has kBytes, aligned to 4.
  explicit CountingBloomFilter(std::span<uint8_t> memory);

  void add(const RequestKey& key);
  /// Only what was added.
  void remove(const RequestKey& key);
  /// Whether all that the cache holds has been added.
  void set_complete(bool is_complete);

  /// False: the cache does not hold it.
  [[nodiscard]] bool may_hold(const RequestKey& key) const;

 private:
  [[nodiscard]] uint32_t& state() const;
  [[nodiscard]] std::span<uint8_t> counters() const { return memory_.subspan(64); }

  std::span<uint8_t> memory_;
};

}  // namespace daphnis

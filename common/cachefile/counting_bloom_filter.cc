#include "common/cachefile/counting_bloom_filter.h"

#include <array>
#include <atomic>
#include <cstring>

#include "common/base/check.h"

namespace daphnis {
namespace {

/// The value of the first four bytes once every key in the cache has been added. A build with
/// another layout of the filter uses another value, so that each takes the other's filter for
/// incomplete.
constexpr uint32_t kComplete = 0x44504631;
/// A counter that has reached this value has lost count, and keeps the value for good.
constexpr uint8_t kFull = 255;

/// The two counters of a key. The key is a cryptographic hash itself, so its bytes serve as hashes.
std::array<size_t, 2> places_of(const RequestKey& key) {
  std::array<uint64_t, 2> words{};
  static_assert(sizeof words <= sizeof key);
  std::memcpy(words.data(), key.data(), sizeof words);
  return {words[0] % CountingBloomFilter::kCounters, words[1] % CountingBloomFilter::kCounters};
}

}  // namespace

CountingBloomFilter::CountingBloomFilter(std::span<uint8_t> memory) : memory_(memory) {
  check(memory.size() == kBytes && reinterpret_cast<uintptr_t>(memory.data()) % 4 == 0,
        "a counting Bloom filter needs its own size of memory");
}

uint32_t& CountingBloomFilter::state() const {
  return *reinterpret_cast<uint32_t*>(memory_.data());
}

void CountingBloomFilter::add(const RequestKey& key) {
  for (const size_t place : places_of(key)) {
    const std::atomic_ref counter(counters()[place]);
    const uint8_t count = counter.load(std::memory_order_relaxed);
    if (count < kFull) counter.store(count + 1, std::memory_order_relaxed);
  }
}

void CountingBloomFilter::remove(const RequestKey& key) {
  for (const size_t place : places_of(key)) {
    const std::atomic_ref counter(counters()[place]);
    const uint8_t count = counter.load(std::memory_order_relaxed);
    check(count > 0, "a key leaves the counting Bloom filter that never came");
    if (count < kFull) counter.store(count - 1, std::memory_order_relaxed);
  }
}

void CountingBloomFilter::set_complete(bool is_complete) {
  const std::atomic_ref state(this->state());
  state.store(is_complete ? kComplete : 0, std::memory_order_release);
}

bool CountingBloomFilter::may_hold(const RequestKey& key) const {
  const std::atomic_ref state(this->state());
  if (state.load(std::memory_order_acquire) != kComplete) return true;
  for (const size_t place : places_of(key)) {
    const std::atomic_ref counter(counters()[place]);
    if (counter.load(std::memory_order_relaxed) == 0) return false;
  }
  return true;
}

}  // namespace daphnis

#include "common/cachefile/counting_bloom_filter.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace daphnis {
namespace {

/// Memory of the size and alignment of a shared mapping.
struct Memory {
  std::vector<uint32_t> words = std::vector<uint32_t>(CountingBloomFilter::kBytes / 4);
  std::span<uint8_t> bytes{reinterpret_cast<uint8_t*>(words.data()), CountingBloomFilter::kBytes};
};

RequestKey key_number(uint64_t n) {
  std::mt19937_64 random(n);
  RequestKey key{};
  for (uint8_t& byte : key) byte = static_cast<uint8_t>(random());
  return key;
}

TEST_CASE("a counting Bloom filter that is not complete may hold any key") {
  const Memory memory;
  CountingBloomFilter filter(memory.bytes);
  CHECK(filter.may_hold(key_number(1)));
  filter.set_complete(true);
  CHECK_FALSE(filter.may_hold(key_number(1)));
  filter.set_complete(false);
  CHECK(filter.may_hold(key_number(1)));
}

TEST_CASE(
    "a counting Bloom filter never rules out a key it holds and seldom fails to rule out others") {
  constexpr uint64_t kHeld = 50'000;
  const Memory memory;
  CountingBloomFilter broker(memory.bytes);
  const CountingBloomFilter worker(memory.bytes);
  for (uint64_t n = 0; n < kHeld; ++n) broker.add(key_number(n));
  broker.set_complete(true);
  uint64_t ruled_out = 0;
  uint64_t mistaken = 0;
  for (uint64_t n = 0; n < kHeld; ++n) {
    ruled_out += worker.may_hold(key_number(n)) ? 0 : 1;
    mistaken += worker.may_hold(key_number(kHeld + n)) ? 1 : 0;
  }
  CHECK(ruled_out == 0);
  CHECK(mistaken < kHeld / 300);
  for (uint64_t n = 0; n < kHeld; ++n) broker.remove(key_number(n));
  CHECK_FALSE(worker.may_hold(key_number(1)));
}

TEST_CASE("a counting Bloom filter whose counter of a key is full holds that key for good") {
  const Memory memory;
  CountingBloomFilter filter(memory.bytes);
  filter.set_complete(true);
  const RequestKey key = key_number(1);
  for (int i = 0; i < 300; ++i) filter.add(key);
  for (int i = 0; i < 299; ++i) filter.remove(key);
  CHECK(filter.may_hold(key));
}

}  // namespace
}  // namespace daphnis

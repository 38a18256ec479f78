#include <malloc.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "broker/cache/cache_index.h"
#include "common/ipld/hashes.h"

namespace daphnis::broker {

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("an entry of the cache costs at most 200 bytes of memory", "[broker][cache]") {
  constexpr size_t kEntries = 100'000;
  const auto policy = GENERATE(CachePolicyKind::kGdsf, CachePolicyKind::kLruSp);
  CacheIndex index({.limit_bytes = uint64_t{1} << 40, .policy = policy});
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  Hasher hasher;
  for (size_t n = 0; n < kEntries; ++n) {
    const Bytes number(reinterpret_cast<const uint8_t*>(&n), sizeof n);
    CacheEntry entry;
    entry.root = hasher.cid_of(codec::kDagPb, hash::kSha2_256, number).value();
    std::ranges::copy(entry.root.multihash().subspan(2), entry.key.begin());
    entry.size = 1'000;
    index.found(entry);
  }
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  const size_t each = (after - before) / kEntries;
  std::printf("bytes per cache entry (%s): %zu\n",
              policy == CachePolicyKind::kGdsf ? "gdsf" : "lru-sp", each);
  CHECK(index.entries() == kEntries);
  CHECK(each <= 200);
}
#endif

}  // namespace daphnis::broker

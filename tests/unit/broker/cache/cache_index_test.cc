#include "broker/cache/cache_index.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <random>

#include "common/ipld/hashes.h"

namespace daphnis::broker {
namespace {

RequestKey key_number(uint64_t number) {
  RequestKey key{};
  std::memcpy(key.data(), &number, sizeof number);
  return key;
}

Cid root_number(uint64_t number) {
  Hasher hasher;
  return hasher
      .cid_of(codec::kDagPb, hash::kSha2_256,
              {reinterpret_cast<const uint8_t*>(&number), sizeof number})
      .value();
}

CacheEntry entry_of(uint64_t number, uint64_t size) {
  return {.key = key_number(number), .root = root_number(number), .size = size};
}

constexpr WorkerId kWorker{1};

/// Stores an entry as a spool that reserved exactly its size.
void store(CacheIndex& index, uint64_t number, uint64_t size) {
  const SpoolId spool{kWorker, number};
  REQUIRE(index.reserve(spool, size) == CacheIndex::Reserve::kGranted);
  index.store(spool, entry_of(number, size));
}

}  // namespace

TEST_CASE("a stored entry is found and its reservation is given back") {
  CacheIndex index({.limit_bytes = 1000});
  const SpoolId spool{kWorker, 1};
  REQUIRE(index.reserve(spool, 600) == CacheIndex::Reserve::kGranted);
  CHECK(index.reserved_bytes() == 600);
  index.store(spool, entry_of(7, 400));
  CHECK(index.reserved_bytes() == 0);
  CHECK(index.held_bytes() == 400);
  REQUIRE(index.find(key_number(7)));
  CHECK(index.find(key_number(7))->root == root_number(7));
  CHECK_FALSE(index.find(key_number(8)));
}

TEST_CASE("what is unlinked stays charged until its last descriptor is closed") {
  CacheIndex index({.limit_bytes = 1000});
  store(index, 1, 900);
  const SpoolId spool{kWorker, 2};
  CHECK(index.reserve(spool, 500) == CacheIndex::Reserve::kWaits);
  const auto evicted = index.evict_to_fit();
  REQUIRE(evicted.keys == std::vector{key_number(1)});
  CHECK(index.charged_bytes() == 900);
  CHECK(index.grants().empty());
  index.freed(evicted.deferred_free);
  CHECK(index.charged_bytes() == 0);
  CHECK(index.grants() == std::vector{spool});
  CHECK(index.reserved_bytes() == 500);
}

TEST_CASE("what can never fit is refused at once") {
  CacheIndex index({.limit_bytes = 1000});
  CHECK(index.reserve({kWorker, 1}, 1001) == CacheIndex::Reserve::kRefused);
  CHECK_FALSE(index.admits(key_number(1), 1001));
}

TEST_CASE("a dead worker's reservations are free again") {
  CacheIndex index({.limit_bytes = 1000});
  CHECK(index.reserve({kWorker, 1}, 400) == CacheIndex::Reserve::kGranted);
  CHECK(index.reserve({kWorker, 2}, 400) == CacheIndex::Reserve::kGranted);
  CHECK(index.reserve({kWorker, 2}, 400) == CacheIndex::Reserve::kWaits);
  CHECK(index.reserve({WorkerId{2}, 1}, 100) == CacheIndex::Reserve::kWaits);
  CHECK(index.release_all(kWorker) == 2);
  CHECK(index.grants() == std::vector{SpoolId{WorkerId{2}, 1}});
  CHECK(index.charged_bytes() == 100);
}

TEST_CASE("purging a root takes all its entries by multihash and nothing else") {
  CacheIndex index({.limit_bytes = 1000});
  store(index, 1, 10);
  store(index, 2, 10);
  CacheEntry part = entry_of(3, 10);
  part.root = root_number(1);
  REQUIRE(index.reserve({kWorker, 3}, 10) == CacheIndex::Reserve::kGranted);
  index.store({kWorker, 3}, part);
  const auto evicted = index.remove_root(root_number(1).multihash());
  CHECK(evicted.keys.size() == 2);
  CHECK(index.find(key_number(2)));
  CHECK(index.entries() == 1);
}

TEST_CASE("the sum of all bytes never passes the limit whatever happens") {
  const auto kind = GENERATE(CachePolicyKind::kGdsf, CachePolicyKind::kLruSp);
  constexpr uint64_t kLimit = 10'000;
  CacheIndex index({.limit_bytes = kLimit, .policy = kind, .keys_tracked = 1024});
  std::mt19937_64 random(11);
  std::map<uint64_t, uint64_t> spools;
  std::vector<uint64_t> deferred;
  const auto defer_free = [&](const CacheIndex::Evicted& evicted) {
    if (evicted.deferred_free != 0) deferred.push_back(evicted.deferred_free);
  };
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t number = random() % 300;
    switch (random() % 6) {
      case 0:
      case 1:
        index.on_request(key_number(number));
        if (index.reserve({kWorker, number}, 1 + random() % 800) == CacheIndex::Reserve::kGranted) {
          spools[number] = 1;
        }
        defer_free(index.evict_to_fit());
        break;
      case 2:
        if (spools.erase(number) > 0 && !index.find(key_number(number))) {
          index.store({kWorker, number}, entry_of(number, 1));
        } else {
          index.release({kWorker, number});
        }
        break;
      case 3:
        index.on_hits(key_number(number), 1);
        break;
      case 4:
        if (!deferred.empty()) {
          index.freed(deferred.back());
          deferred.pop_back();
        }
        for (const auto& spool : index.grants()) spools[spool.number] = 1;
        break;
      default:
        defer_free(index.remove(key_number(number)));
    }
    REQUIRE(index.charged_bytes() <= kLimit);
  }
  defer_free(index.remove_all());
  for (const uint64_t number : deferred) index.freed(number);
  index.release_all(kWorker);
  CHECK(index.charged_bytes() == 0);
  CHECK(index.entries() == 0);
}

TEST_CASE("a walk over the entries sees each once in bounded steps") {
  CacheIndex index({.limit_bytes = 1000});
  for (uint64_t i = 0; i < 10; ++i) store(index, i, 1);
  static_cast<void>(index.remove(key_number(4)));
  size_t seen = 0;
  uint64_t cursor = 0;
  do {
    cursor = index.visit(cursor, 3, [&](const CacheEntry&) { ++seen; });
  } while (cursor != 0);
  CHECK(seen == 9);
}

TEST_CASE("what workers see of the keys follows the entries from the first scan's end on") {
  std::vector<uint32_t> memory(CountingBloomFilter::kBytes / 4);
  const CountingBloomFilter seen(
      {reinterpret_cast<uint8_t*>(memory.data()), CountingBloomFilter::kBytes});
  CacheIndex index({.limit_bytes = 1000});
  index.set_filter(seen);
  index.found(entry_of(1, 100));
  CHECK(seen.may_hold(entry_of(2, 1).key));
  static_cast<void>(index.remove_unseen());
  CHECK(seen.may_hold(entry_of(1, 1).key));
  CHECK_FALSE(seen.may_hold(entry_of(2, 1).key));
  store(index, 2, 200);
  CHECK(seen.may_hold(entry_of(2, 1).key));
  static_cast<void>(index.remove(entry_of(1, 1).key));
  CHECK_FALSE(seen.may_hold(entry_of(1, 1).key));
  index.begin_scan();
  CHECK(seen.may_hold(entry_of(1, 1).key));
  static_cast<void>(index.remove_unseen());
  CHECK_FALSE(seen.may_hold(entry_of(2, 1).key));
}

}  // namespace daphnis::broker

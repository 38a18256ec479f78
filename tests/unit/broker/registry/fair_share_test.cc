#include "broker/registry/fair_share.h"

#include <catch2/catch.hpp>

namespace daphnis::broker {

TEST_CASE("an L2 may have a quarter more than its share by weight, rounded up",
          "[broker][fair_share]") {
  constexpr FairShare kShare{.attempts = 79, .nodes = 640};
  CHECK(kShare.bound(64) == 10);   // A tenth of 80, and a quarter more.
  CHECK(kShare.bound(256) == 40);  // Weight 4.
  CHECK(kShare.bound(16) == kFairShareFloor);
  CHECK(FairShare{.attempts = 80, .nodes = 640}.bound(64) == 11);  // 10.125
}

TEST_CASE("the bounds of all L2s together leave room for all attempts", "[broker][fair_share]") {
  for (uint64_t attempts = 0; attempts < 1'000; ++attempts) {
    const FairShare share{.attempts = attempts, .nodes = 16 + 64 + 100 + 256};
    const uint64_t room = share.bound(16) + share.bound(64) + share.bound(100) + share.bound(256);
    CHECK(room >= attempts + 1);
  }
}

TEST_CASE("no share is below the floor", "[broker][fair_share]") {
  CHECK(FairShare{}.bound(64) == kFairShareFloor);
  CHECK(FairShare{.attempts = 5, .nodes = 1'280'000}.bound(64) == kFairShareFloor);
  CHECK(FairShare{.attempts = 39, .nodes = 640}.bound(64, 100) == kFairShareFloor);
}

TEST_CASE("a new L2's share grows evenly from a tenth to the whole", "[broker][fair_share]") {
  CHECK(grown_permille(0, 30'000) == 100);
  CHECK(grown_permille(10'000, 30'000) == 400);
  CHECK(grown_permille(29'999, 30'000) == 999);
  CHECK(grown_permille(30'000, 30'000) == 1000);
  CHECK(grown_permille(1'000'000'000, 30'000) == 1000);
  CHECK(grown_permille(0, 0) == 1000);
  constexpr FairShare kShare{.attempts = 799, .nodes = 640};
  CHECK(kShare.bound(64, 100) == 10);
  CHECK(kShare.bound(64, 400) == 40);
  CHECK(kShare.bound(64, 1000) == 100);
}

}  // namespace daphnis::broker

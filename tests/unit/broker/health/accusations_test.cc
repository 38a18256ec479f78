#include "broker/health/accusations.h"
#include "broker/health/health_book.h"

#include <catch2/catch.hpp>

#include "broker/health/recent_liars.h"
#include "broker/health/root_bans.h"

namespace daphnis::broker {
namespace {

constexpr uint64_t kNow = 10'000'000;
constexpr uint64_t kRoot = 7;

HealthNo no(uint64_t number) {
  return HealthNo{number};
}

}  // namespace

TEST_CASE("the third L2 that lies about a root has it quarantined for an hour",
          "[broker][health]") {
  Accusations of;
  CHECK(of.add(no(1), kRoot, kNow).empty());
  CHECK(of.add(no(2), kRoot, kNow).empty());
  CHECK(of.add(no(2), kRoot, kNow).empty());  // The same L2 once more.
  CHECK(of.add(no(3), kRoot + 1, kNow).empty());
  CHECK_FALSE(of.is_quarantined(kRoot, kNow));
  const auto accusers = of.add(no(3), kRoot, kNow + 1);
  CHECK(accusers == Accusations::Accusers{no(1), no(2), no(3)});
  CHECK(of.is_quarantined(kRoot, kNow + kAccusedRootMs));
  CHECK_FALSE(of.is_quarantined(kRoot, kNow + 1 + kAccusedRootMs));
  CHECK(of.quarantined(kNow + 1) == 1);
  CHECK(of.quarantined(kNow + 1 + kAccusedRootMs) == 0);
  CHECK(of.add(no(4), kRoot, kNow + 2).empty());
}

TEST_CASE("lies about a root more than an hour apart have nothing to do with each other",
          "[broker][health]") {
  Accusations of;
  of.add(no(1), kRoot, kNow).clear();
  of.add(no(2), kRoot, kNow + kAccusedRootMs).clear();
  CHECK(of.add(no(3), kRoot, kNow + kAccusedRootMs).empty());
  CHECK(of.add(no(4), kRoot, kNow + kAccusedRootMs).size() == 3);
}

TEST_CASE("the roots that are remembered are bounded", "[broker][health]") {
  Accusations of;
  for (uint64_t root = 0; root < 2 * kAccusedRootsMax; ++root) of.add(no(1), root, kNow).clear();
  CHECK(of.accused() == kAccusedRootsMax);
  for (uint64_t root = 0; root < 2 * kRootsQuarantinedMax; ++root) {
    for (uint64_t l2 = 1; l2 <= kAccusersMin; ++l2) of.add(no(l2), root, kNow).clear();
  }
  CHECK(of.quarantined(kNow) == kRootsQuarantinedMax);
  CHECK(of.is_quarantined(2 * kRootsQuarantinedMax - 1, kNow));
  CHECK_FALSE(of.is_quarantined(0, kNow));
}

TEST_CASE("an L2 is barred from a root for an hour", "[broker][health]") {
  RootBans of(kRootBanMs);
  of.add(no(1), kRoot, kNow);
  of.add(no(1), kRoot, kNow + 1);
  CHECK(of.has(no(1), kRoot, kNow + kRootBanMs - 1));
  CHECK_FALSE(of.has(no(1), kRoot, kNow + kRootBanMs));
  CHECK_FALSE(of.has(no(1), kRoot + 1, kNow));
  CHECK_FALSE(of.has(no(2), kRoot, kNow));
  of.add(no(2), kRoot + 1, kNow + 500);
  of.add(no(2), kRoot + 2, kNow + 900);
  SECTION("those that are over are dropped") {
    of.add(no(3), kRoot, kNow + kRootBanMs);
    CHECK(of.size() == 3);
  }
  SECTION("one is removed") {
    of.remove(no(2), kRoot + 1);
    CHECK_FALSE(of.has(no(2), kRoot + 1, kNow + 900));
    CHECK(of.size() == 2);
  }
  SECTION("all of one L2 are removed") {
    of.remove_all(no(2));
    CHECK(of.has(no(1), kRoot, kNow + 900));
    CHECK(of.size() == 1);
  }
  SECTION("all young ones are removed") {
    of.remove_since(kNow + 500);
    CHECK(of.has(no(1), kRoot, kNow + 900));
    CHECK(of.size() == 1);
  }
}

TEST_CASE("the roots that L2s are barred from are bounded", "[broker][health]") {
  RootBans of(kRootBanMs);
  for (uint64_t root = 0; root <= kRootBansMax; ++root) of.add(no(1), root, kNow);
  CHECK(of.size() == kRootBansMax);
  CHECK_FALSE(of.has(no(1), 0, kNow));
  CHECK(of.has(no(1), kRootBansMax, kNow));
}

TEST_CASE("an L2 has lied lately for a minute after its last lie", "[broker][health]") {
  RecentLiars of;
  of.add(no(1), kNow);
  of.add(no(2), kNow + 1);
  of.add(no(1), kNow + 30'000);
  of.add(no(3), kNow + 60'500);
  CHECK(of.size() == 2);
  CHECK(of.count([](HealthNo l2) { return l2 == no(1); }) == 1);
  CHECK(of.count([](HealthNo l2) { return l2 == no(2); }) == 0);
}

}  // namespace daphnis::broker

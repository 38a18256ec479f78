#include "broker/cache/cache_policy.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

namespace daphnis::broker {

TEST_CASE("the frequency sketch counts a key and lets old popularity fade") {
  FrequencySketch sketch(1024);
  for (int i = 0; i < 100; ++i) sketch.add(42);
  CHECK(sketch.estimate(42) == 100);
  CHECK(sketch.estimate(43) == 0);
  std::mt19937_64 random(1);
  for (int i = 0; i < 3 * 10 * 1024; ++i) sketch.add(random());
  CHECK(sketch.estimate(42) < 30);
}

TEST_CASE("the frequency sketch never says less than the truth between two fades") {
  FrequencySketch sketch(4096);
  std::mt19937_64 random(7);
  std::map<uint64_t, uint32_t> truth;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t key = random() % 2000 * 0x9e3779b97f4a7c15;
    sketch.add(key);
    ++truth[key];
  }
  for (const auto& [key, count] : truth) REQUIRE(sketch.estimate(key) >= std::min(count, 255u));
}

TEST_CASE("LRU-SP gives up the largest age times size over hits") {
  LruSp policy;
  CHECK_FALSE(policy.victim(0));
  policy.add(0, 0, 1000, 1);
  policy.add(1, 0, 100'000, 2);
  policy.add(2, 0, 1000, 3);
  CHECK(policy.victim(4) == 1u);
  for (uint64_t now = 5; now < 1000; ++now) policy.touch(1, now);
  CHECK(policy.victim(1000) == 0u);
  policy.remove(0);
  CHECK(policy.victim(1000) == 2u);
}

TEST_CASE("GDSF gives up the large and seldom asked for and keeps what is asked for often") {
  Gdsf policy(1024);
  const auto ask = [&](uint64_t key, int times) {
    for (int i = 0; i < times; ++i) policy.on_request(key);
  };
  ask(10, 1);
  policy.add(0, 10, 10'000, 1);
  ask(11, 1);
  policy.add(1, 11, 10'000'000, 2);
  CHECK(policy.victim(3) == 1u);
  // The larger size divides the value of a hit by (10^7 / 10^4)^0.85, about 355; many hits make up
  // for that.
  ask(11, 200);
  ask(12, 200);
  policy.add(2, 12, 20'000'000, 3);
  policy.touch(1, 4);
  CHECK(policy.victim(5) == 2u);
}

TEST_CASE("a nearly full disk admits small objects and those seen before") {
  Gdsf policy(1024);
  policy.on_request(1);
  CHECK(policy.admits(1, 1 << 30, 0.5));
  CHECK_FALSE(policy.admits(1, 1 << 30, 0.95));
  CHECK(policy.admits(1, 1 << 20, 0.95));
  policy.on_request(1);
  CHECK(policy.admits(1, 1 << 30, 0.95));
}

TEST_CASE("every entry is given up exactly once whatever was touched and removed in between") {
  const auto kind = GENERATE(CachePolicyKind::kGdsf, CachePolicyKind::kLruSp);
  const auto policy = make_cache_policy(kind, 1024);
  std::mt19937_64 random(3);
  std::map<CacheSlot, bool> held;
  uint64_t now = 0;
  for (CacheSlot slot = 0; slot < 500; ++slot) {
    policy->on_request(slot);
    policy->add(slot, slot, 1 + random() % 1'000'000, ++now);
    held[slot] = true;
  }
  for (int i = 0; i < 2000; ++i) {
    const auto slot = static_cast<CacheSlot>(random() % 500);
    if (!held[slot]) continue;
    if (random() % 10 == 0) {
      policy->remove(slot);
      held[slot] = false;
    } else {
      policy->touch(slot, ++now);
    }
  }
  while (const auto victim = policy->victim(++now)) {
    REQUIRE(held[*victim]);
    held[*victim] = false;
    policy->remove(*victim);
  }
  for (const auto& [slot, is_held] : held) CHECK_FALSE(is_held);
}

}  // namespace daphnis::broker

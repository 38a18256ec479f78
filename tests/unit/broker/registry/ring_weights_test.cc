#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "broker/registry/ring.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

constexpr size_t kL2s = 40;
constexpr size_t kKeys = 100'000;

std::string id_of(size_t n) {
  return "home-" + std::to_string(n);
}
L2No no_of(size_t n) {
  return L2No{n + 1};
}

Ring ring_of(const std::vector<size_t>& order) {
  Ring ring;
  for (const size_t n : order) ring.add(id_of(n), no_of(n));
  return ring;
}

std::vector<size_t> numbers(size_t count) {
  std::vector<size_t> all(count);
  for (size_t n = 0; n < count; ++n) all[n] = n;
  return all;
}

/// The first `count` L2s for a key.
std::vector<L2No> candidates(const Ring& ring, uint64_t key, size_t count = 1) {
  std::vector<L2No> found;
  ring.walk(key, count, [&](L2No l2) {
    found.push_back(l2);
    return true;
  });
  return found;
}

std::vector<uint64_t> many_keys() {
  std::vector<uint64_t> keys(kKeys);
  std::mt19937_64 random(11);
  std::ranges::generate(keys, std::ref(random));
  return keys;
}

std::vector<std::vector<L2No>> threes(const Ring& ring) {
  std::vector<std::vector<L2No>> all;
  for (const uint64_t key : many_keys()) all.push_back(candidates(ring, key, 3));
  return all;
}

}  // namespace

TEST_CASE("the keys of a group of L2s are in proportion to its weight", "[broker][ring]") {
  // Of one L2 the share is uneven (64 points); of a thousand together it is right within a few
  // hundredths.
  constexpr double kWeights[] = {0.25, 0.5, 1, 2, 4};
  constexpr size_t kEach = 1'000;
  Ring ring;
  for (size_t n = 0; n < kEach * 5; ++n) ring.add(id_of(n), no_of(n), kWeights[n % 5]);
  CHECK(ring.nodes() == kEach * (16 + 32 + 64 + 128 + 256));
  std::map<size_t, double> keys;
  for (const uint64_t key : many_keys()) {
    ++keys[(static_cast<size_t>(candidates(ring, key).front()) - 1) % 5];
  }
  for (size_t group = 0; group < 5; ++group) {
    CAPTURE(group);
    const double due = kKeys * kWeights[group] / (0.25 + 0.5 + 1 + 2 + 4);
    CHECK(keys[group] > due * 0.94);
    CHECK(keys[group] < due * 1.06);
  }
}

TEST_CASE("an L2's points stay where they were before there were weights", "[broker][ring]") {
  Ring ring;
  ring.add("home-1", L2No{1});
  ring.add("home-2", L2No{2});
  for (uint64_t node = 1; node <= 64; ++node) {
    const uint64_t id_hash = hash64(as_bytes(std::string_view("home-2")));
    const uint64_t point = mix64(id_hash + 0x9e3779b97f4a7c15 * node);
    CHECK(candidates(ring, point).front() == L2No{2});
  }
}

TEST_CASE("a weight that grows draws keys to that L2 alone, and one that falls gives them back",
          "[broker][ring]") {
  Ring ring = ring_of(numbers(kL2s));
  const auto keys = many_keys();
  std::vector<L2No> before;
  for (const uint64_t key : keys) before.push_back(candidates(ring, key).front());

  ring.set_weight(id_of(5), no_of(5), 3);
  CHECK(ring.nodes() == (kL2s + 2) * 64);
  size_t drawn = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const L2No now = candidates(ring, keys[i]).front();
    if (now == before[i]) continue;
    ++drawn;
    REQUIRE(now == no_of(5));
  }
  CHECK(drawn > kKeys / kL2s);

  ring.set_weight(id_of(5), no_of(5), 0.5);
  for (size_t i = 0; i < keys.size(); ++i) {
    const L2No now = candidates(ring, keys[i]).front();
    REQUIRE((now == before[i] || before[i] == no_of(5)));
  }
  ring.set_weight(id_of(5), no_of(5), 1);
  for (size_t i = 0; i < keys.size(); ++i) {
    REQUIRE(candidates(ring, keys[i]).front() == before[i]);
  }
}

TEST_CASE("the ring is the same in whatever order L2s came, left and came back", "[broker][ring]") {
  auto order = numbers(kL2s);
  const auto expected = threes(ring_of(order));
  std::mt19937_64 random(3);
  std::ranges::shuffle(order, random);
  Ring ring = ring_of(order);
  CHECK(threes(ring) == expected);

  std::ranges::shuffle(order, random);
  for (size_t i = 0; i < kL2s / 2; ++i) ring.remove(id_of(order[i]), no_of(order[i]));
  CHECK(ring.size() == kL2s / 2);
  for (size_t i = kL2s / 2; i > 0; --i) ring.add(id_of(order[i - 1]), no_of(order[i - 1]));
  CHECK(threes(ring) == expected);
}

TEST_CASE("two L2s with equal points are in one order and neither leaves a hole",
          "[broker][ring]") {
  // Their FNV-1a hashes are equal, so all their points are.
  const std::string a = "8yn0iYCKYHlIj4-BwPqk";
  const std::string b = "GReLUrM4wMqfg9yzV3KQ";
  REQUIRE(hash64(as_bytes(a)) == hash64(as_bytes(b)));
  const bool is_a_first = GENERATE(true, false);
  Ring ring = ring_of(numbers(10));
  ring.add(is_a_first ? a : b, is_a_first ? L2No{101} : L2No{102});
  ring.add(is_a_first ? b : a, is_a_first ? L2No{102} : L2No{101});
  size_t owned = 0;
  for (const uint64_t key : many_keys()) {
    const auto two = candidates(ring, key, 2);
    CHECK(two[0] != L2No{102});
    owned += two[0] == L2No{101};
    if (two[0] == L2No{101}) CHECK(two[1] == L2No{102});
  }
  CHECK(owned > 0);
  ring.remove(a, L2No{101});
  size_t inherited = 0;
  for (const uint64_t key : many_keys()) {
    inherited += candidates(ring, key).front() == L2No{102};
  }
  CHECK(inherited == owned);
}

TEST_CASE("whatever comes, goes and is weighed, a key finds what a plain search finds",
          "[broker][ring]") {
  std::mt19937_64 random(GENERATE(1U, 2U, 3U));
  Ring ring;
  std::map<size_t, double> weights;
  for (int step = 0; step < 400; ++step) {
    const size_t n = random() % 60;
    const double weight = 0.25 + static_cast<double>(random() % 16) / 4.5;
    if (!weights.contains(n)) {
      ring.add(id_of(n), no_of(n), weight);
      weights[n] = weight;
    } else if (random() % 2 == 0) {
      ring.set_weight(id_of(n), no_of(n), weight);
      weights[n] = weight;
    } else {
      ring.remove(id_of(n), no_of(n));
      weights.erase(n);
    }
  }
  std::map<uint64_t, L2No> points;
  for (const auto& [n, weight] : weights) {
    for (uint64_t node = 1; node <= ring_nodes(weight); ++node) {
      points[mix64(hash64(as_bytes(id_of(n))) + 0x9e3779b97f4a7c15 * node)] = no_of(n);
    }
  }
  CHECK(ring.size() == weights.size());
  CHECK(ring.nodes() == points.size());
  std::vector<uint64_t> keys = {0, 1, ~uint64_t{0}};
  for (int i = 0; i < 5'000; ++i) keys.push_back(random());
  for (const auto& [point, l2] : points) keys.insert(keys.end(), {point - 1, point, point + 1});
  for (const uint64_t key : keys) {
    const auto found = points.lower_bound(key);
    const L2No owner = found == points.end() ? points.begin()->second : found->second;
    REQUIRE(candidates(ring, key) == std::vector{owner});
  }
}

TEST_CASE("a ring that was large has few points again once its L2s have left", "[broker][ring]") {
  Ring ring = ring_of(numbers(1'000));
  for (size_t n = 3; n < 1'000; ++n) ring.remove(id_of(n), no_of(n));
  CHECK(ring.nodes() == 3 * 64);
  const Ring small = ring_of({2, 0, 1});
  CHECK(threes(ring) == threes(small));
}

}  // namespace daphnis::broker

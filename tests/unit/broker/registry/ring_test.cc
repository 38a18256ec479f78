#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

#include "broker/registry/holdings.h"
#include "broker/registry/ring.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

constexpr size_t kKeys = 1'000'000;
constexpr size_t kL2s = 50;

std::string id_of(size_t n) {
  return "home-" + std::to_string(n);
}
L2No no_of(size_t n) {
  return L2No{n + 1};
}

Ring ring_of(size_t l2s) {
  Ring ring;
  for (size_t n = 0; n < l2s; ++n) ring.add(id_of(n), no_of(n));
  return ring;
}

L2No owner(const Ring& ring, uint64_t key) {
  L2No first{};
  ring.walk(key, 1, [&](L2No l2) {
    first = l2;
    return false;
  });
  return first;
}

std::vector<uint64_t> many_keys(size_t count = kKeys) {
  std::vector<uint64_t> keys(count);
  std::mt19937_64 random(7);
  for (auto& key : keys) key = random();
  return keys;
}

}  // namespace

TEST_CASE("an L2 that leaves moves only its own keys and coming back moves them back",
          "[broker][ring]") {
  Ring ring = ring_of(kL2s);
  const auto keys = many_keys();
  std::vector<L2No> before;
  before.reserve(keys.size());
  for (const uint64_t key : keys) before.push_back(owner(ring, key));

  ring.remove(id_of(17), no_of(17));
  size_t moved = 0;
  size_t wrongly = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const L2No now = owner(ring, keys[i]);
    if (before[i] == no_of(17)) {
      ++moved;
      wrongly += now == no_of(17);
    } else {
      wrongly += now != before[i];
    }
  }
  CHECK(wrongly == 0);
  CHECK(moved > 0);

  ring.add(id_of(17), no_of(17));
  size_t different = 0;
  for (size_t i = 0; i < keys.size(); i += 10) different += owner(ring, keys[i]) != before[i];
  CHECK(different == 0);
}

TEST_CASE("keys spread evenly over the L2s", "[broker][ring]") {
  const Ring ring = ring_of(kL2s);
  std::vector<size_t> share(kL2s + 1);
  constexpr size_t kSpread = 100'000;
  for (const uint64_t key : many_keys(kSpread)) ++share[static_cast<size_t>(owner(ring, key))];
  for (size_t n = 1; n <= kL2s; ++n) {
    CAPTURE(n);
    // 64 points give a standard deviation of about an eighth; five of these are far out.
    CHECK(share[n] > kSpread / kL2s * 4 / 10);
    CHECK(share[n] < kSpread / kL2s * 16 / 10);
  }
}

TEST_CASE("a walk meets each L2 once and all of them", "[broker][ring]") {
  const Ring ring = ring_of(20);
  for (uint64_t key : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    std::set<L2No> met;
    size_t visits = 0;
    ring.walk(key, 32, [&](L2No l2) {
      met.insert(l2);
      ++visits;
      return true;
    });
    CHECK(visits == 20);
    CHECK(met.size() == 20);
  }
}

TEST_CASE("a walk stops at its bound and an empty ring has nobody", "[broker][ring]") {
  size_t visits = 0;
  const auto count = [&](L2No) {
    ++visits;
    return true;
  };
  ring_of(20).walk(5, 8, count);
  CHECK(visits == 8);
  Ring().walk(5, 8, count);
  CHECK(visits == 8);
}

TEST_CASE("both versions of a CID have one point on the ring", "[broker][ring]") {
  const auto v0 = Cid::from_text("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG");
  REQUIRE(v0);
  const auto v1 = Cid::v1(codec::kDagPb, 0x12, v0->digest());
  REQUIRE(v1);
  CHECK(key_of_multihash(*v0) == key_of_multihash(*v1));
  CHECK(key_of_multihash(*v0) != key_of_multihash(cid_number(1)));
}

}  // namespace daphnis::broker

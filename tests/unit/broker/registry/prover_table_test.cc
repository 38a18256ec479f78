#include "broker/registry/prover_table.h"

#include <catch2/catch.hpp>

#include <random>

namespace daphnis::broker {
namespace {

constexpr L2No kHome{1};
constexpr L2No kOther{2};
constexpr L2No kThird{3};
constexpr Network kHere{10};
constexpr Network kThere{11};

using Provers = ProverTable::Provers;

/// A table of this many keys, with a seeded secret.
struct Table {
  explicit Table(size_t keys_max = 1 << 14) : descent(random, keys_max) {}

  std::mt19937_64 engine{7};
  RandomSource random = [this] {
    Uuid out;
    for (auto& byte : out) byte = static_cast<uint8_t>(engine());
    return out;
  };
  ProverTable descent;
};

/// How many of the keys from `begin` on, `count` of them, are remembered of the L2.
size_t known(const ProverTable& descent, L2No l2, uint64_t begin, uint64_t count) {
  size_t found = 0;
  for (uint64_t key = begin; key < begin + count; ++key) {
    for (const L2No prover : descent.provers(key)) found += prover == l2 ? 1 : 0;
  }
  return found;
}

}  // namespace

TEST_CASE("the last two L2s that proved a block are remembered for a link", "[broker][descent]") {
  Table table;
  ProverTable& descent = table.descent;
  CHECK(descent.provers(5).empty());
  CHECK(descent.learn(5, kHome, kHere));
  CHECK(descent.provers(5) == Provers{kHome});
  CHECK(descent.learn(5, kOther, kThere));
  CHECK(descent.provers(5) == Provers{kOther, kHome});
  CHECK_FALSE(descent.learn(5, kHome, kHere));
  CHECK(descent.provers(5) == Provers{kHome, kOther});
  CHECK(descent.learn(5, kThird, kThere));
  CHECK(descent.provers(5) == Provers{kThird, kHome});
  CHECK(descent.provers(6).empty());
  CHECK(descent.size() == 2);
}

TEST_CASE("an L2 that fails is struck for that block alone", "[broker][descent]") {
  Table table;
  ProverTable& descent = table.descent;
  descent.learn(5, kHome, kHere);
  descent.learn(5, kOther, kThere);
  descent.learn(6, kHome, kHere);
  CHECK(descent.strike(5, kHome));
  CHECK_FALSE(descent.strike(5, kHome));
  CHECK_FALSE(descent.strike(7, kHome));
  CHECK(descent.provers(5) == Provers{kOther});
  CHECK(descent.provers(6) == Provers{kHome});
  CHECK(descent.strike(5, kOther));
  CHECK(descent.provers(5).empty());
  CHECK(descent.learn(5, kHome, kHere));
  CHECK(descent.size() == 2);
}

TEST_CASE("an L2 that leaves is forgotten, and begins anew when it is back", "[broker][descent]") {
  Table table;
  ProverTable& descent = table.descent;
  for (uint64_t key = 0; key < 100; ++key) descent.learn(key, kHome, kHere);
  for (uint64_t key = 50; key < 150; ++key) descent.learn(key, kOther, kThere);
  descent.forget(kHome);
  CHECK(known(descent, kHome, 0, 150) == 0);
  CHECK(known(descent, kOther, 0, 150) == 100);
  CHECK(descent.size() == 100);
  descent.learn(7, kHome, kThere);
  CHECK(known(descent, kHome, 0, 150) == 1);
  descent.forget(kHome);
  descent.forget(kOther);
  descent.forget(kThird);
  CHECK(descent.size() == 0);
}

TEST_CASE("an L2 has a 64th of the table, and what it proved last stays", "[broker][descent]") {
  Table table(1 << 14);
  ProverTable& descent = table.descent;
  constexpr size_t kShare = (1 << 14) / kProverTableShares;
  for (uint64_t key = 0; key < 10'000; ++key) {
    descent.learn(key, kHome, kHere);
    REQUIRE(descent.size() <= kShare);
  }
  CHECK(known(descent, kHome, 0, 10'000) == descent.size());
  CHECK(descent.size() > kShare * 9 / 10);
  CHECK(known(descent, kHome, 10'000 - kShare / 2, kShare / 2) == kShare / 2);
}

TEST_CASE("the L2s of a network share a 64th, and take none of others", "[broker][descent]") {
  Table table(1 << 14);
  ProverTable& descent = table.descent;
  constexpr size_t kShare = (1 << 14) / kProverTableShares;
  for (uint64_t key = 0; key < kShare / 2; ++key) descent.learn(key, kHome, kHere);
  for (uint64_t key = 1'000; key < 30'000; ++key) {
    descent.learn(key, L2No{100 + key % 1'000}, kThere);
    REQUIRE(descent.size() <= kShare + kShare / 2);
  }
  CHECK(known(descent, kHome, 0, kShare / 2) == kShare / 2);
}

TEST_CASE("a full table gives old keys up for new ones", "[broker][descent]") {
  Table table(1 << 10);
  ProverTable& descent = table.descent;
  for (uint64_t key = 0; key < 100'000; ++key) {
    descent.learn(key, L2No{1 + key % 1'000}, Network{key % 1'000});
    REQUIRE_FALSE(descent.provers(key).empty());
    REQUIRE(descent.size() <= 1 << 10);
  }
  CHECK(descent.size() > (1 << 10) * 3 / 4);
  for (uint64_t no = 0; no < 1'000; ++no) descent.forget(L2No{1 + no});
  CHECK(descent.size() == 0);
}

TEST_CASE("whatever happens, what is remembered adds up", "[broker][descent]") {
  Table table(1 << 10);
  ProverTable& descent = table.descent;
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t key = random() % 500;
    const uint64_t l2 = 1 + random() % 40;
    switch (random() % 20) {
      case 0:
        descent.forget(L2No{l2});
        break;
      case 1:
      case 2:
        descent.strike(key, L2No{l2});
        break;
      default:
        descent.learn(key, L2No{l2}, Network{l2 % 10});
        REQUIRE(descent.provers(key).front() == L2No{l2});
    }
  }
  size_t pairs = 0;
  for (uint64_t key = 0; key < 500; ++key) pairs += descent.provers(key).size();
  CHECK(descent.size() == pairs);
}

}  // namespace daphnis::broker

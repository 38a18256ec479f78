#include "broker/choosing/hedging.h"

#include <catch2/catch.hpp>

#include "broker/health/healths.h"

namespace daphnis::broker {

TEST_CASE("an order is waited for as long as its L2 is known to take, within bounds",
          "[broker][hedging]") {
  Healths healths(RuleMode::kOn);
  Health& l2 = healths.open("a", "192.0.2.1");
  const auto after_ms = [&](const Pool& pool) { return hedge_after_ms(l2, pool, 800, 1'000); };
  const auto add = [&](uint64_t ms, size_t samples) {
    for (size_t i = 0; i < samples; ++i) l2.first_byte().add(ms, 1'000);
  };
  CHECK(after_ms({}) == 800);
  CHECK(after_ms({.p95_ms = 150}) == 300);
  CHECK(after_ms({.p95_ms = 3}) == kHedgeAfterMsMin);
  CHECK(after_ms({.p95_ms = 600}) == 800);
  SECTION("its own times count from 32 of them on") {
    add(200, kP95SamplesMin - 1);
    CHECK(after_ms({}) == 800);
    add(200, 1);
    CHECK(after_ms({}) >= 200 - 200 / 8);
    CHECK(after_ms({}) <= 200 + 200 / 8);
    CHECK(after_ms({.p95_ms = 50}) == 100);
  }
  SECTION("a quick one is given some time") {
    add(1, kP95SamplesMin);
    CHECK(after_ms({}) == kHedgeAfterMsMin);
  }
  SECTION("a slow one is given no more than any") {
    add(3'000, kP95SamplesMin);
    CHECK(after_ms({}) == 800);
    CHECK(after_ms({.p95_ms = 100}) == 200);
  }
}

TEST_CASE("in a minute there is one hedge for ten other orders", "[broker][hedging]") {
  HedgeBudget budget;
  const uint64_t begun_ms = 500;
  for (int i = 0; i < 9; ++i) budget.note_order(begun_ms);
  CHECK(!budget.has_room(begun_ms));
  budget.note_order(begun_ms);
  CHECK(budget.has_room(begun_ms));
  budget.note_hedge(begun_ms);
  CHECK(!budget.has_room(begun_ms));
  for (int i = 0; i < 10; ++i) budget.note_order(30'000);
  CHECK(budget.has_room(59'000));
  budget.note_hedge(59'000);
  CHECK(!budget.has_room(59'000));
  // A minute later the orders of the beginning count no more, nor does the first hedge.
  CHECK(!budget.has_room(61'000));
  for (int i = 0; i < 10; ++i) budget.note_order(61'000);
  CHECK(budget.has_room(61'000));
  CHECK(!budget.has_room(200'000));
}

}  // namespace daphnis::broker

#include "broker/health/health_book.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace daphnis::broker {
namespace {

using How = OrderEnd::How;
constexpr uint64_t kRoot = 7;

/// A book with some L2s, each at an address of its own.
struct Books {
  explicit Books(size_t l2s, RuleMode mode = RuleMode::kOn)
      : context{.settings = {.ejection = mode},
                .random = [] { return Uuid{}; },
                .out = {},
                .timers = {},
                .counters = {}} {
    for (size_t n = 0; n < l2s; ++n) {
      all.push_back(&book.open("l2-" + std::to_string(n), "192.0.2." + std::to_string(n)));
    }
  }
  std::optional<Ejection> end(size_t l2, How how, uint64_t root = kRoot, uint64_t blocks = 0) {
    return book.add_end(all[l2]->no(),
                        {.how = how, .root_key = root, .ordered_ms = now, .blocks_proven = blocks},
                        now);
  }
  void serve(size_t l2, int times = 1) {
    for (int n = 0; n < times; ++n) CHECK_FALSE(end(l2, How::kServed, kRoot + 100, 1));
  }
  /// Each L2 has proven something, so that it has deeds.
  void prove_all() {
    for (size_t n = 0; n < all.size(); ++n) serve(n);
  }
  [[nodiscard]] bool is_ejected(size_t l2) const { return all[l2]->is_ejected(now); }
  [[nodiscard]] size_t ejected() const {
    size_t count = 0;
    for (const Health* l2 : all) count += l2->is_ejected(now) ? 1 : 0;
    return count;
  }
  /// Ends of this kind until it is ejected or had a hundred of them.
  void fail(size_t l2, How how = How::kSilent) {
    for (int n = 0; n < 100 && !is_ejected(l2); ++n) static_cast<void>(end(l2, how));
  }

  uint64_t now = 10'000'000;
  Context context;
  HealthBook book{context};
  std::vector<Health*> all;
  const Counters& counters = context.counters;
};

}  // namespace

TEST_CASE("health belongs to an id at an address, whatever its registrations", "[broker][health]") {
  Books at(1);
  at.serve(0);
  const HealthNo no = at.all[0]->no();
  at.book.close(*at.all[0]);
  SECTION("it comes back") {
    CHECK(at.book.open("l2-0", "192.0.2.0").no() == no);
    CHECK(at.book.healths().with_deeds() == 1);
  }
  SECTION("from another address it inherits nothing, good or bad") {
    const Health& other = at.book.open("l2-0", "192.0.2.99");
    CHECK(other.no() != no);
    CHECK_FALSE(other.has_deeds());
    CHECK(at.book.healths().with_deeds() == 0);
  }
  SECTION("what comes of its orders while it is gone counts") {
    CHECK(at.end(0, How::kLied).has_value());
    CHECK(at.book.open("l2-0", "192.0.2.0").is_ejected(at.now));
  }
}

TEST_CASE("of L2s that are gone the longest gone are forgotten", "[broker][health]") {
  Books at(1);
  at.serve(0);
  at.book.close(*at.all[0]);
  const HealthNo first = at.all[0]->no();
  const Health& stays = at.book.open("stays", "192.0.2.1");
  for (size_t n = 0; n < kHealthsGoneMax; ++n) {
    at.book.close(at.book.open("id-" + std::to_string(n), "192.0.2.2"));
  }
  CHECK(at.book.healths().gone() == kHealthsGoneMax);
  CHECK_FALSE(at.book.add_end(first, {.how = How::kLied}, at.now));  // Nobody knows it.
  CHECK_FALSE(at.book.open("l2-0", "192.0.2.0").has_deeds());
  CHECK(at.book.healths().is_registered(stays.no()));
}

TEST_CASE("a lie ejects at once, for everything and longer for its root", "[broker][health]") {
  Books at(1);
  const auto ejection = at.end(0, How::kLied);
  REQUIRE(ejection);
  CHECK(ejection->reason == EjectionReason::kLied);
  CHECK(ejection->for_ms == 60'000);
  CHECK(at.is_ejected(0));
  CHECK(at.book.is_barred(*at.all[0], kRoot, at.now));
  CHECK_FALSE(at.book.is_barred(*at.all[0], kRoot + 1, at.now));
  CHECK(at.counters.ejections_for_lies == 1);
  at.now += 60'000;
  CHECK_FALSE(at.is_ejected(0));
  CHECK(at.book.is_barred(*at.all[0], kRoot, at.now));
  SECTION("the next one for twice as long") {
    CHECK(at.end(0, How::kLied, kRoot + 1)->for_ms == 120'000);
  }
  SECTION("one order at a time follows, until some streams are proven") {
    CHECK(at.all[0]->is_on_probation());
    at.serve(0, kProbationSuccesses);
    CHECK_FALSE(at.all[0]->is_on_probation());
    CHECK(at.counters.probations_passed == 1);
  }
  SECTION("a not-found proves nothing") {
    for (int n = 0; n < 10; ++n) CHECK_FALSE(at.end(0, How::kNotFound));
    CHECK(at.all[0]->is_on_probation());
  }
}

TEST_CASE("lies that were under way at the ejection are part of it", "[broker][health]") {
  Books at(1);
  const uint64_t ordered_ms = at.now - 1;
  CHECK(at.end(0, How::kLied));
  const OrderEnd other{.how = How::kLied, .root_key = kRoot + 1, .ordered_ms = ordered_ms};
  CHECK_FALSE(at.book.add_end(at.all[0]->no(), other, at.now + 5));
  CHECK(at.book.is_barred(*at.all[0], kRoot + 1, at.now + 5));
  CHECK(at.counters.ejections_for_lies == 1);
  at.now += 10;
  CHECK(at.end(0, How::kLied)->for_ms == 120'000);
}

TEST_CASE("a root over which three L2s with deeds lied condemns nobody", "[broker][health]") {
  Books at(9);
  at.prove_all();
  CHECK(at.end(0, How::kLied));
  CHECK(at.end(1, How::kLied));
  CHECK(at.ejected() == 2);
  CHECK_FALSE(at.end(2, How::kLied));
  CHECK(at.ejected() == 0);
  CHECK_FALSE(at.book.is_barred(*at.all[0], kRoot, at.now));
  CHECK(at.book.roots_quarantined(at.now) == 1);
  CHECK(at.counters.roots_quarantined == 1);
  CHECK(at.counters.ejections_taken_back == 2);
  SECTION("nor all the others, and we do not suspect ourselves for it") {
    for (size_t n = 3; n < 9; ++n) CHECK_FALSE(at.end(n, How::kLied));
    CHECK(at.ejected() == 0);
    CHECK_FALSE(at.book.suspects_itself(at.now));
  }
  SECTION("another lie of theirs does") {
    CHECK(at.end(0, How::kLied, kRoot + 1)->for_ms == 60'000);
  }
  SECTION("for an hour") {
    at.now += kAccusedRootMs;
    CHECK(at.end(3, How::kLied));
  }
}

TEST_CASE("L2s without deeds cannot have a root quarantined", "[broker][health]") {
  Books at(9);
  for (size_t n = 0; n < 9; ++n) CHECK(at.end(n, How::kLied));
  CHECK(at.ejected() == 9);
  CHECK(at.book.roots_quarantined(at.now) == 0);
  CHECK_FALSE(at.book.suspects_itself(at.now));
}

TEST_CASE("where most L2s with deeds lie within a minute we suspect ourselves",
          "[broker][health]") {
  Books at(7);
  at.prove_all();
  for (size_t n = 0; n < 3; ++n) CHECK(at.end(n, How::kLied, kRoot + n));
  SECTION("so nobody is ejected") {
    CHECK_FALSE(at.end(3, How::kLied, kRoot + 3));
    CHECK(at.book.suspects_itself(at.now));
    CHECK(at.ejected() == 0);
    CHECK(at.book.bans() == 0);
    CHECK(at.counters.self_suspicions == 1);
    CHECK(at.counters.ejections_taken_back == 3);
    CHECK(at.counters.ejections_withheld == 1);
    at.now += kSelfSuspicionMs;
    CHECK_FALSE(at.book.suspects_itself(at.now));
    CHECK(at.end(3, How::kLied, kRoot + 3)->for_ms == 60'000);
  }
  SECTION("not where there is a minute between them") {
    at.now += kRecentLieMs;
    CHECK(at.end(3, How::kLied, kRoot + 3));
  }
  SECTION("not for those that are gone") {
    for (size_t n = 0; n < 3; ++n) at.book.close(*at.all[n]);
    CHECK(at.end(3, How::kLied, kRoot + 3));
    CHECK(at.end(4, How::kLied, kRoot + 4));
    CHECK_FALSE(at.end(5, How::kLied, kRoot + 5));
  }
}

TEST_CASE("two L2s that lie are no reason to suspect ourselves", "[broker][health]") {
  Books at(2);
  at.prove_all();
  CHECK(at.end(0, How::kLied, kRoot));
  CHECK(at.end(1, How::kLied, kRoot + 1));
  CHECK(at.ejected() == 2);
}

TEST_CASE("an L2 that fails far more than others do is ejected", "[broker][health]") {
  Books at(6);
  const How how = GENERATE(How::kSilent, How::kAborted);
  for (size_t n = 0; n < 6; ++n) at.serve(n, 20);
  at.now += kPoolEveryMs;
  SECTION("once it fails more than half of the time") {
    for (int n = 0; n < 20; ++n) CHECK_FALSE(at.end(0, how));
    const auto ejection = at.end(0, how);
    REQUIRE(ejection);
    CHECK(ejection->reason == EjectionReason::kFailing);
    CHECK(ejection->for_ms == 60'000);
    CHECK(at.counters.ejections_for_failures == 1);
    CHECK_FALSE(at.book.is_barred(*at.all[0], kRoot, at.now));
  }
  SECTION("not for a few failures of few orders") {
    Health& fresh = at.book.open("fresh", "192.0.2.99");
    for (uint32_t n = 1; n < kJudgedMin; ++n) {
      CHECK_FALSE(at.book.add_end(fresh.no(), {.how = how}, at.now));
    }
    CHECK(at.book.add_end(fresh.no(), {.how = how}, at.now));
  }
  SECTION("sooner and for longer while it is on probation") {
    at.fail(0, how);
    at.now += 60'000;
    for (uint32_t n = 1; n < kJudgedOnProbationMin; ++n) CHECK_FALSE(at.end(0, how));
    CHECK(at.end(0, how)->for_ms == 120'000);
  }
}

TEST_CASE("a fault that is common to all ejects nobody", "[broker][health]") {
  Books at(6);
  at.prove_all();
  for (int round = 0; round < 100; ++round) {
    for (size_t n = 0; n < 6; ++n) CHECK_FALSE(at.end(n, How::kSilent));
    at.now += 500;
  }
  CHECK(at.counters.ejections_spared == 0);
}

TEST_CASE("at most a third of the L2s is ejected for failures", "[broker][health]") {
  const auto [l2s, most] =
      GENERATE(table<size_t, size_t>({{1, 0}, {2, 0}, {3, 1}, {5, 1}, {10, 3}}));
  Books at(l2s);
  for (size_t n = 0; n < l2s; ++n) at.serve(n, n < (l2s + 1) / 2 ? 100 : 1);
  at.now += kPoolEveryMs;
  for (size_t n = (l2s + 1) / 2; n < l2s; ++n) at.fail(n);
  CHECK(at.ejected() <= most);
  if (l2s == 10) {
    CHECK(at.ejected() == most);
    CHECK(at.counters.ejections_spared > 0);
    SECTION("also a second later") {
      at.now += kPoolEveryMs;
      for (size_t n = 5; n < l2s; ++n) at.fail(n);
      CHECK(at.ejected() == most);
    }
    SECTION("which does not hold for lies") {
      for (size_t n = 0; n < 4; ++n) CHECK(at.end(n, How::kLied, n));
      CHECK(at.ejected() == most + 4);
    }
  }
}

TEST_CASE("a crowd of silent ids does not make silence usual", "[broker][health]") {
  Books at(30);
  for (size_t n = 0; n < 4; ++n) at.serve(n, 30);
  for (size_t n = 4; n < 30; ++n) {
    for (uint32_t times = 1; times < kJudgedMin; ++times) CHECK_FALSE(at.end(n, How::kSilent));
  }
  at.now += kPoolEveryMs;
  CHECK(at.book.pool(at.now).share_failed == 0.0);
  for (size_t n = 4; n < 30; ++n) at.fail(n);
  CHECK(at.ejected() == 10);
  for (size_t n = 0; n < 4; ++n) CHECK_FALSE(at.is_ejected(n));
}

TEST_CASE("the pool's speeds are medians, of L2s with deeds where there are some",
          "[broker][health]") {
  Books at(5);
  CHECK_FALSE(at.book.pool(at.now).p50_ms);
  const auto answer = [&](size_t l2, uint64_t ms) {
    for (int n = 0; n < 40; ++n) at.book.add_first_byte(at.all[l2]->no(), ms, at.now);
  };
  answer(3, 2);
  answer(4, 2);
  at.now += kPoolEveryMs;
  CHECK(at.book.pool(at.now).p95_ms.value() <= 4);
  for (size_t n = 0; n < 3; ++n) at.serve(n);
  answer(0, 40);
  answer(1, 100);
  answer(2, 1'000);
  CHECK(at.book.pool(at.now).p95_ms.value() <= 4);  // It is computed once a second.
  at.now += kPoolEveryMs;
  CHECK(static_cast<double>(at.book.pool(at.now).p50_ms.value()) == Approx(100).margin(12));
  CHECK(static_cast<double>(at.book.pool(at.now).p95_ms.value()) == Approx(100).margin(12));
}

TEST_CASE("a time that was waited for in vain is corrected by the POST", "[broker][health]") {
  Books at(1);
  at.book.add_first_byte(at.all[0]->no(), 800, at.now);
  at.book.correct_first_byte(at.all[0]->no(), 800, 1'500, at.now);
  CHECK(at.all[0]->first_byte().samples(at.now) == 1);
  CHECK(at.all[0]->first_byte().p50(at.now).value() > 1'400);
}

TEST_CASE("the operator ejects and readmits whom he wants", "[broker][health]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve, RuleMode::kOn);
  Books at(1, mode);
  at.book.eject(*at.all[0], 5'000, at.now);
  CHECK(at.is_ejected(0));
  CHECK(at.counters.ejections_by_operator == 1);
  CHECK(at.all[0]->standing().left_ms(at.now) == 5'000);
  static_cast<void>(at.end(0, How::kLied));
  at.book.readmit(*at.all[0]);
  CHECK_FALSE(at.is_ejected(0));
  CHECK_FALSE(at.book.is_barred(*at.all[0], kRoot, at.now));
  CHECK_FALSE(at.all[0]->is_on_probation());
}

TEST_CASE("the rule can be observed without being applied, or be off", "[broker][health]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  Books at(6, mode);
  for (size_t n = 1; n < 6; ++n) at.serve(n, 20);
  CHECK_FALSE(at.end(0, How::kLied));
  at.now += 60'000;
  for (int n = 0; n < 20; ++n) CHECK_FALSE(at.end(0, How::kSilent));
  CHECK(at.ejected() == 0);
  CHECK_FALSE(at.all[0]->is_on_probation());
  CHECK_FALSE(at.book.is_barred(*at.all[0], kRoot, at.now));
  CHECK(at.counters.ejections_for_lies + at.counters.ejections_for_failures == 0);
  const uint64_t seen = mode == RuleMode::kObserve ? 1 : 0;
  CHECK(at.counters.ejections_observed_for_lies == seen);
  CHECK(at.counters.ejections_observed_for_failures == seen);
}

}  // namespace daphnis::broker

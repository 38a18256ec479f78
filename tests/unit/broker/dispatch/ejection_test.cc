#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// Who is asked while an L2 is ejected, and what the ends of its attempts say of it.
namespace daphnis::broker {
namespace {

constexpr auto kHandOff = Dispatcher::Verdict::kHandOff;
const CarRequest kFirst{.root = cid_number(1)};
const CarRequest kSecond{.root = cid_number(2)};

/// An L2 that lies about the first root, at the first order.
struct Liar {
  explicit Liar(Settings settings = {}) : dispatch(std::move(settings)) {
    dispatch.fetch(1, l2, kFirst);
    CHECK(dispatch.post(far_end) == kHandOff);
    dispatch.report(far_end, Outcome::kLied, false);
  }
  void announce(const CarRequest& request) {
    dispatch.registrations.holdings().add(l2, key_of_multihash(request.root));
  }

  FakeL2 far_end;
  Dispatch dispatch;
  L2& l2 = dispatch.add(far_end, "liar");
  const Counters& counters = dispatch.context.counters;
};

}  // namespace

TEST_CASE("an L2 that lied is told so and asked last, for one order at a time",
          "[broker][ejection]") {
  Liar at;
  REQUIRE(at.far_end.notices.size() == 1);
  CHECK(at.far_end.notices[0].reason == EjectionReason::kLied);
  CHECK(at.far_end.notices[0].for_ms == 60'000);
  CHECK(at.l2.is_ejected(at.dispatch.now_ms));
  CHECK(at.l2.places_max() == 1);
  at.dispatch.fetch(2, at.l2, kSecond);
  at.dispatch.fetch(3, at.l2, kSecond);
  CHECK(at.far_end.trace_ids() == std::vector<std::string>{"t-1", "t-2"});
  CHECK(at.dispatch.dispatcher.waiting() == 1);
  SECTION("until it has proven itself") {
    at.dispatch.advance(60'000);
    CHECK_FALSE(at.l2.is_ejected(at.dispatch.now_ms));
    for (uint64_t n = 10; n < 10 + kProbationSuccesses; ++n) {
      at.dispatch.fetch(n, at.l2, kSecond);
      CHECK(at.dispatch.post(at.far_end) == kHandOff);
      at.dispatch.report(at.far_end, Outcome::kComplete, false, 5, 100);
    }
    CHECK(at.l2.places_max() == 3);
    CHECK(at.counters.probations_passed == 1);
  }
}

TEST_CASE("an L2 is not asked for a root that it lied about, and its clients are told 502",
          "[broker][ejection]") {
  Liar at;
  SECTION("while it is ejected") {}
  SECTION("nor later") {
    at.dispatch.advance(kRootBanMs - 1);
  }
  at.dispatch.fetch(2, at.l2, kFirst);
  CHECK(at.far_end.orders.size() == 1);
  CHECK(at.dispatch.failures().at(2) == Outcome::kL2sFailed);
  CHECK(at.counters.liars_passed_over == 1);
}

TEST_CASE("a root that an L2 lied about is asked of it again after an hour", "[broker][ejection]") {
  Liar at;
  at.dispatch.advance(kRootBanMs);
  at.dispatch.fetch(2, at.l2, kFirst);
  CHECK(at.far_end.orders.size() == 2);
}

TEST_CASE("others that lack the root do not make it a 404 while a liar is left",
          "[broker][ejection]") {
  Liar at;
  FakeL2 honest;
  at.dispatch.add(honest, "honest");
  at.dispatch.fetch(2, at.l2, kFirst);
  at.dispatch.say_not_found(honest);
  CHECK(at.dispatch.failures().at(2) == Outcome::kL2sFailed);
}

TEST_CASE("a fetch that waits for an L2 is not given to it once it lied about that root",
          "[broker][ejection]") {
  FakeL2 far_end;
  Dispatch dispatch;
  L2& l2 = dispatch.add(far_end, "home", 1);
  dispatch.fetch(1, l2, kFirst);
  CHECK(dispatch.post(far_end) == kHandOff);
  dispatch.fetch(2, l2, kFirst);
  CHECK(dispatch.dispatcher.waiting() == 1);
  dispatch.report(far_end, Outcome::kLied, false);
  CHECK(far_end.orders.size() == 1);
  CHECK(dispatch.failures().at(2) == Outcome::kL2sFailed);
}

TEST_CASE("an L2 whose ejection is taken back has all its places, for those who wait",
          "[broker][ejection]") {
  Dispatch dispatch;
  std::vector<FakeL2> far_ends(kAccusersMin);
  uint64_t last = 0;
  const auto serve = [&](size_t n, const L2& l2, Outcome outcome, const CarRequest& request) {
    dispatch.fetch(++last, l2, request);
    REQUIRE(dispatch.post(far_ends[n]) == kHandOff);
    const bool is_right = outcome == Outcome::kComplete;
    dispatch.report(far_ends[n], outcome, false, is_right ? 5 : 0);
    dispatch.registrations.holdings().remove_all(l2.no);
  };
  const auto add_liar = [&](size_t n) -> L2& {
    L2& l2 = dispatch.add(far_ends[n], "l2-" + std::to_string(n));
    serve(n, l2, Outcome::kComplete, {.root = cid_number(10 + n)});
    serve(n, l2, Outcome::kLied, kFirst);
    return l2;
  };
  L2& first = add_liar(0);
  REQUIRE(first.is_ejected(dispatch.now_ms));
  dispatch.fetch(100, first, kSecond);
  dispatch.fetch(101, first, kSecond);
  CHECK(dispatch.dispatcher.waiting() == 1);
  const size_t orders = far_ends[0].orders.size();
  const uint64_t arrival = first.arrival;
  for (size_t n = 1; n < kAccusersMin; ++n) add_liar(n);
  CHECK_FALSE(first.is_ejected(dispatch.now_ms));
  CHECK(dispatch.dispatcher.waiting() == 0);
  CHECK(far_ends[0].orders.size() == orders + 1);
  CHECK(first.arrival > arrival);
}

TEST_CASE("where lies are only observed or not looked at the L2 is asked as before",
          "[broker][ejection]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  Liar at({.ejection = mode});
  CHECK(at.far_end.notices.empty());
  CHECK_FALSE(at.l2.is_ejected(at.dispatch.now_ms));
  CHECK(at.l2.places_max() == 3);
  at.dispatch.fetch(2, at.l2, kFirst);
  CHECK(at.far_end.orders.size() == 2);
  CHECK(at.counters.ejections_observed_for_lies == (mode == RuleMode::kObserve ? 1 : 0));
}

TEST_CASE("the lie of a registration that is gone counts for its id at that address",
          "[broker][ejection]") {
  FakeL2 far_end;
  Dispatch dispatch;
  L2& l2 = dispatch.add(far_end, "home");
  dispatch.fetch(1, l2, kFirst);
  CHECK(dispatch.post(far_end) == kHandOff);
  dispatch.lose(l2);
  dispatch.report(far_end, Outcome::kLied, false);
  FakeL2 again;
  CHECK(dispatch.come_back(again, "home").is_ejected(dispatch.now_ms));
}

TEST_CASE("a loser counts with the time that it was waited for, until its POST comes",
          "[broker][ejection]") {
  FakeL2 slow;
  FakeL2 quick;
  Dispatch dispatch;
  const L2& l2 = dispatch.add(slow, "slow");
  dispatch.fetch(1, l2, kFirst);
  dispatch.add(quick, "quick");
  dispatch.advance(900);
  CHECK(dispatch.post(quick) == kHandOff);
  dispatch.report(quick, Outcome::kComplete, false, 5, 100);
  const Health& health = *l2.health;
  CHECK(health.first_byte().p50(dispatch.now_ms).value() >= 800);
  CHECK(health.first_byte().p50(dispatch.now_ms).value() < 1'000);
  SECTION("which is no silence") {
    dispatch.advance(1'600);
    dispatch.post_late(slow, 0);
    CHECK(health.first_byte().samples(dispatch.now_ms) == 1);
    CHECK(health.first_byte().p50(dispatch.now_ms).value() > 2'200);
    dispatch.advance(kGivenUpPlaceMs);
    CHECK(health.ends(dispatch.now_ms).silent == 0);
  }
  SECTION("or as silent, where it never comes") {
    CHECK(health.ends(dispatch.now_ms).silent == 0);
    dispatch.advance(kGivenUpPlaceMs);
    CHECK(health.ends(dispatch.now_ms).silent == 1);
  }
  CHECK(l2.tally.silent == 0);
}

TEST_CASE("a client that leaves early says nothing of the L2", "[broker][ejection]") {
  FakeL2 far_end;
  Dispatch dispatch;
  const L2& l2 = dispatch.add(far_end, "home");
  dispatch.fetch(1, l2, kFirst);
  dispatch.advance(300);
  dispatch.cancel(1);
  CHECK(l2.health->first_byte().samples(dispatch.now_ms) == 0);
  CHECK(l2.health->ends(dispatch.now_ms).judged == 0);
}

TEST_CASE("what a stream brought is known of its L2", "[broker][ejection]") {
  FakeL2 far_end;
  Dispatch dispatch;
  const L2& l2 = dispatch.add(far_end, "home");
  dispatch.fetch(1, l2, kFirst);
  dispatch.advance(40);
  CHECK(dispatch.post(far_end) == kHandOff);
  CHECK(l2.health->first_byte().samples(dispatch.now_ms) == 1);
  const Outcome outcome = GENERATE(Outcome::kComplete, Outcome::kCancelled, Outcome::kYielded);
  dispatch.report(far_end, outcome, false, 5, 100);
  CHECK(l2.health->has_deeds());
  CHECK(l2.health->blocks_proven() == 5);
  CHECK(l2.health->ends(dispatch.now_ms).judged == 1);
  CHECK(l2.health->ends(dispatch.now_ms).share_failed() == 0);
}

}  // namespace daphnis::broker

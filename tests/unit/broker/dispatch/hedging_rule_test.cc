#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// When another L2 is asked beside one that has not delivered, though it is not late yet.
namespace daphnis::broker {
namespace {

/// Gives an L2 so many first-byte times.
void give_times(L2& l2, uint64_t ms, uint64_t now_ms, size_t samples = kP95SamplesMin) {
  for (size_t i = 0; i < samples; ++i) l2.health->first_byte().add(ms, now_ms);
}

/// An edge with L2s that are known to begin after 100 ms or so, all with deeds, and that have been
/// asked often enough for the budget to have room.
struct Hedge {
  explicit Hedge(size_t count, RuleMode mode = RuleMode::kOn)
      : dispatch({.hedging = mode}), l2s(count) {
    for (size_t n = 0; n < count; ++n) {
      L2& l2 = dispatch.add(l2s[n], "l2-" + std::to_string(n), 100);
      give_times(l2, kUsualMs, dispatch.now_ms);
      l2.health->add({.how = OrderEnd::How::kServed, .blocks_proven = 1}, dispatch.now_ms);
      known.push_back(&l2);
    }
    serve(kOrdersPerHedge);
  }
  /// So many fetches that the first L2 serves at once.
  void serve(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      dispatch.fetch(++last, *known[0]);
      CHECK(dispatch.post(l2s[0]) == Dispatcher::Verdict::kHandOff);
      dispatch.report(l2s[0], Outcome::kComplete, false, 1);
    }
    orders_before = orders();
  }
  void fetch() { dispatch.fetch(++last, *known[0]); }
  /// The orders since the last serve().
  [[nodiscard]] size_t new_orders() const { return orders() - orders_before; }
  [[nodiscard]] size_t orders() const {
    size_t sum = 0;
    for (const FakeL2& l2 : l2s) sum += l2.orders.size();
    return sum;
  }
  /// The L2 that has an order for the last fetch, the first one aside.
  [[nodiscard]] FakeL2& other() {
    for (size_t n = 1; n < l2s.size(); ++n) {
      if (!l2s[n].orders.empty()) return l2s[n];
    }
    FAIL("nobody else was asked");
    return l2s[0];
  }

  static constexpr uint64_t kUsualMs = 100;
  Dispatch dispatch;
  std::vector<FakeL2> l2s;
  std::vector<L2*> known;
  uint64_t last = 0;
  size_t orders_before = 0;
  const Counters& counters = dispatch.context.counters;
};

}  // namespace

TEST_CASE("another L2 is asked once an order takes longer than it should", "[broker][hedging]") {
  Hedge hedge(3);
  hedge.fetch();
  hedge.dispatch.advance(Hedge::kUsualMs - Hedge::kUsualMs / 8);
  CHECK(hedge.new_orders() == 1);
  hedge.dispatch.advance(Hedge::kUsualMs / 4);
  CHECK(hedge.new_orders() == 2);
  CHECK(hedge.counters.hedges == 1);
  SECTION("and serves the fetch") {
    CHECK(hedge.dispatch.post(hedge.other()) == Dispatcher::Verdict::kHandOff);
    hedge.dispatch.report(hedge.other(), Outcome::kComplete, false, 1);
    CHECK(hedge.counters.hedges_won == 1);
    CHECK(hedge.l2s[0].cancels.size() == 1);
    CHECK(hedge.dispatch.dispatcher.fetches() == 0);
  }
  SECTION("or in vain, when the first one serves it") {
    CHECK(hedge.dispatch.post(hedge.l2s[0]) == Dispatcher::Verdict::kHandOff);
    hedge.dispatch.report(hedge.l2s[0], Outcome::kComplete, false, 1);
    CHECK(hedge.counters.hedges_won == 0);
    CHECK(hedge.other().cancels.size() == 1);
  }
  SECTION("and no third one, which the budget does not pay for, until both are late") {
    hedge.dispatch.advance(800 - 2 * Hedge::kUsualMs);
    CHECK(hedge.new_orders() == 2);
    CHECK(hedge.counters.hedges_over_budget == 1);
    hedge.dispatch.advance(2 * Hedge::kUsualMs + Hedge::kUsualMs / 2);
    CHECK(hedge.new_orders() == 3);
    CHECK(hedge.counters.hedges == 1);
  }
}

TEST_CASE("where hedging is only observed, it is counted and nobody is asked",
          "[broker][hedging]") {
  const RuleMode mode = GENERATE(RuleMode::kObserve, RuleMode::kOff);
  Hedge hedge(2, mode);
  hedge.fetch();
  hedge.dispatch.advance(799);
  CHECK(hedge.new_orders() == 1);
  CHECK(hedge.counters.hedges == (mode == RuleMode::kObserve ? 1 : 0));
  hedge.dispatch.advance(1);
  CHECK(hedge.new_orders() == 2);
}

TEST_CASE("nobody is asked beside an L2 that streams", "[broker][hedging]") {
  Hedge hedge(2);
  hedge.fetch();
  CHECK(hedge.dispatch.post(hedge.l2s[0]) == Dispatcher::Verdict::kHandOff);
  hedge.dispatch.advance(10'000);
  CHECK(hedge.new_orders() == 1);
}

TEST_CASE("a hedge is no burden where there is much to do", "[broker][hedging]") {
  Hedge hedge(2);
  SECTION("a worker sheds requests") {
    hedge.dispatch.dispatcher.on_worker_shed(hedge.dispatch.now_ms);
    hedge.fetch();
    hedge.dispatch.advance(799);
    CHECK(hedge.new_orders() == 1);
    CHECK(hedge.counters.hedges_overloaded == 1);
  }
  SECTION("none any more") {
    hedge.dispatch.dispatcher.on_worker_shed(hedge.dispatch.now_ms);
    hedge.dispatch.advance(kHedgeShedMs);
    hedge.fetch();
    hedge.dispatch.advance(799);
    CHECK(hedge.new_orders() == 2);
  }
  SECTION("others wait for the L2 that is late") {
    hedge.fetch();
    hedge.known[0]->waiting.push_back(FetchNo{1'000'000});
    hedge.dispatch.advance(799);
    CHECK(hedge.new_orders() == 1);
    CHECK(hedge.counters.hedges_overloaded == 1);
    hedge.known[0]->waiting.clear();
  }
}

TEST_CASE("what is asked beside an L2 that never delivered is no extra order",
          "[broker][hedging]") {
  Hedge hedge(1);
  std::vector<FakeL2> strangers(3);
  for (size_t n = 0; n < strangers.size(); ++n) {
    give_times(hedge.dispatch.add(strangers[n], "new-" + std::to_string(n), 100), Hedge::kUsualMs,
               hedge.dispatch.now_ms);
  }
  const L2& claimant = *hedge.dispatch.registrations.registry().find("new-0");
  for (uint64_t n = 1; n <= 5; ++n) {
    const CarRequest request{.root = cid_number(100 + n)};
    hedge.dispatch.fetch(1'000 + n, claimant, request);
  }
  hedge.dispatch.advance(2 * Hedge::kUsualMs);
  CHECK(hedge.counters.hedges >= 5);
  CHECK(hedge.counters.hedges_uncharged >= 5);
}

TEST_CASE("a slow L2 is not asked first where another one may have the content",
          "[broker][hedging]") {
  const RuleMode mode = GENERATE(RuleMode::kOn, RuleMode::kObserve);
  Dispatch dispatch({.hedging = mode});
  std::vector<FakeL2> l2s(4);
  std::vector<L2*> known;
  for (size_t n = 0; n < l2s.size(); ++n) {
    known.push_back(&dispatch.add(l2s[n], "l2-" + std::to_string(n), 1'000));
    give_times(*known[n], n == 0 ? 2'000 : 50, dispatch.now_ms);
    dispatch.make_known(*known[n]);
  }
  const Counters& counters = dispatch.context.counters;
  SECTION("of two holders") {
    uint64_t last = 0;
    for (uint64_t content = 0; content < 200; ++content) {
      const CarRequest request{.root = cid_number(content)};
      dispatch.registrations.holdings().add(*known[1], key_of_multihash(request.root));
      dispatch.fetch(++last, *known[0], request);
    }
    const size_t first = l2s[0].orders.size();
    CHECK(l2s[0].orders.size() + l2s[1].orders.size() == 200);
    if (mode == RuleMode::kOn) {
      CHECK(first > 0);  // It is probed.
      CHECK(first < 12);
      CHECK(counters.slow_probed == first);
    } else {
      CHECK(first > 60);
    }
    CHECK(counters.slow_passed_over > 60);
  }
  SECTION("but an only holder is") {
    dispatch.fetch(1, *known[0]);
    CHECK(l2s[0].orders.size() == 1);
    CHECK(counters.slow_passed_over == 0);
  }
}

}  // namespace daphnis::broker

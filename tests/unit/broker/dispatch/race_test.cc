#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// Several orders of one fetch at once: the first POST that is of use serves it.
namespace daphnis::broker {
namespace {

/// A fetch that a late holder has the order for, and another L2 that may be asked.
struct Race {
  explicit Race(size_t others) : l2s(1 + others) {
    const L2& first = dispatch.add(l2s[0], "holder");
    for (size_t n = 1; n < l2s.size(); ++n) dispatch.add(l2s[n], "other-" + std::to_string(n));
    dispatch.fetch(1, first);
  }
  /// The L2s that have an order, the holder aside, in the order in which they were asked.
  [[nodiscard]] std::vector<FakeL2*> asked() {
    std::vector<FakeL2*> found;
    for (size_t n = 1; n < l2s.size(); ++n) {
      if (!l2s[n].orders.empty()) found.push_back(&l2s[n]);
    }
    std::ranges::sort(found, {}, [](const FakeL2* l2) { return l2->orders[0].attempt_id; });
    return found;
  }

  Dispatch dispatch;
  std::vector<FakeL2> l2s;
  FakeL2& holder = l2s[0];
  const Counters& counters = dispatch.context.counters;
};

constexpr auto kHandOff = Dispatcher::Verdict::kHandOff;
constexpr auto kCancelled = Dispatcher::Verdict::kCancelled;

}  // namespace

TEST_CASE("an only holder that begins late is waited for", "[broker][race]") {
  Race race(0);
  race.dispatch.advance(1'500);
  CHECK(race.dispatch.post(race.holder) == kHandOff);
  race.dispatch.advance(10'000);  // The worker's own deadlines hold from here on.
  race.dispatch.report(race.holder, Outcome::kComplete, false);
  CHECK(race.counters.fetches_served == 1);
  CHECK(race.counters.attempts_first_hit == 1);
  CHECK(race.counters.silent == 0);
  CHECK(race.dispatch.dispatcher.fetches() == 0);
}

TEST_CASE("beside a late order the next L2 is asked, and the first POST is taken",
          "[broker][race]") {
  Race race(1);
  FakeL2& other = race.l2s[1];
  race.dispatch.advance(799);
  CHECK(other.orders.empty());
  race.dispatch.advance(1);
  REQUIRE(other.orders.size() == 1);
  CHECK(race.counters.attempts_beside == 1);
  CHECK(race.holder.cancels.empty());
  FakeL2& first = GENERATE(true, false) ? race.holder : other;
  FakeL2& second = &first == &race.holder ? other : race.holder;
  CHECK(race.dispatch.post(first) == kHandOff);
  SECTION("its complete stream ends the fetch, and the other L2 is told") {
    race.dispatch.report(first, Outcome::kComplete, false);
    CHECK(race.dispatch.dispatcher.fetches() == 0);
    CHECK(second.cancels == std::vector{second.orders[0].attempt_id});
    CHECK(race.dispatch.post(second) == kCancelled);
  }
  SECTION("the other's POST goes to the worker too, whose word about it ends it alone") {
    CHECK(race.dispatch.post(second) == kHandOff);
    race.dispatch.report(second, Outcome::kCancelled, false);
    CHECK(race.dispatch.dispatcher.fetches() == 1);
    CHECK(race.counters.fetches_cancelled == 0);
    race.dispatch.report(first, Outcome::kComplete, false);
    CHECK(race.counters.fetches_served == 1);
    CHECK(race.dispatch.dispatcher.fetches() == 0);
  }
  SECTION("both stream when one is complete, so the worker ends the other") {
    CHECK(race.dispatch.post(second) == kHandOff);
    race.dispatch.report(first, Outcome::kComplete, false);
    CHECK(race.dispatch.dispatcher.fetches() == 0);
    CHECK(race.dispatch.dispatcher.attempts().live() == 1);
    race.dispatch.report(second, Outcome::kCancelled, false);
    CHECK(second.cancels.empty());
  }
  SECTION("a worker that wants no more ends the fetch and the other order") {
    race.dispatch.report(first, Outcome::kCancelled, false);
    CHECK(race.dispatch.dispatcher.fetches() == 0);
    CHECK(race.counters.fetches_cancelled == 1);
    CHECK(second.cancels.size() == 1);
  }
  CHECK(race.dispatch.dispatcher.attempts().live() == 0);
  CHECK(race.dispatch.failures().empty());
}

TEST_CASE("an order that is open while another streams ends by itself and starts nothing",
          "[broker][race]") {
  Race race(3);
  race.dispatch.advance(800);
  FakeL2& streaming = *race.asked().at(0);
  CHECK(race.dispatch.post(streaming) == kHandOff);
  race.dispatch.advance(2'999);
  CHECK(race.counters.silent == 0);
  race.dispatch.advance(1);
  CHECK(race.counters.silent == 1);
  CHECK(race.holder.cancels.size() == 1);
  CHECK(race.counters.attempts == 2);
  CHECK(race.dispatch.dispatcher.fetches() == 1);
  SECTION("the next is asked once the stream has failed") {
    race.dispatch.report(streaming, Outcome::kAborted, true);
    CHECK(race.counters.attempts == 3);
  }
  SECTION("nobody is asked while a stream goes on") {
    race.dispatch.advance(20'000);
    CHECK(race.counters.attempts == 2);
  }
}

TEST_CASE("a stream that fails asks no other L2 while an order is fresh", "[broker][race]") {
  Race race(2);
  race.dispatch.advance(800);
  FakeL2& fresh = *race.asked().at(0);
  CHECK(race.dispatch.post(race.holder) == kHandOff);
  race.dispatch.report(race.holder, Outcome::kAborted, true);
  CHECK(race.counters.attempts == 2);
  race.dispatch.advance(799);
  CHECK(race.counters.attempts == 2);
  SECTION("nor once that one streams") {
    CHECK(race.dispatch.post(fresh) == kHandOff);
    race.dispatch.advance(1'000);
    CHECK(race.counters.attempts == 2);
  }
  SECTION("but as soon as that one is late") {
    race.dispatch.advance(1);
    CHECK(race.counters.attempts == 3);
  }
  SECTION("or lacks the content") {
    race.dispatch.say_not_found(fresh);
    CHECK(race.counters.attempts == 3);
  }
}

TEST_CASE("a racer that lacks the content gives its turn to the next at once", "[broker][race]") {
  Race race(8);
  race.dispatch.advance(800);
  for (size_t n = 1; n <= 7; ++n) {
    REQUIRE(race.asked().size() == n);
    race.dispatch.say_not_found(*race.asked().back());
  }
  CHECK(race.asked().size() == 8);
  race.dispatch.say_not_found(*race.asked().back());
  CHECK(race.dispatch.dispatcher.fetches() == 1);  // The holder may still begin.
  SECTION("and it does") {
    CHECK(race.dispatch.post(race.holder) == kHandOff);
  }
  SECTION("or has been silent for as long as any") {
    race.dispatch.advance(2'999);
    CHECK(race.dispatch.failures().empty());
    race.dispatch.advance(1);
    CHECK(race.dispatch.failures().at(1) == Outcome::kSilent);
    CHECK(race.dispatch.dispatcher.attempts().live() == 0);
  }
}

TEST_CASE("a lost L2 and a lack of descriptors let a late order go on", "[broker][race]") {
  Race race(1);
  FakeL2& other = race.l2s[1];
  race.dispatch.advance(800);
  REQUIRE(other.orders.size() == 1);
  SECTION("its L2 is lost") {
    race.dispatch.lose(*race.dispatch.registrations.registry().find("other-1"));
  }
  SECTION("its POST finds no place at the worker") {
    const auto& order = other.orders[0];
    (void)race.dispatch.dispatcher.on_delivery(order.attempt_id, order.request.root, std::nullopt,
                                               false, race.dispatch.now_ms);
    race.dispatch.dispatcher.refuse_hand_off(order.attempt_id, race.dispatch.now_ms);
  }
  CHECK(race.dispatch.failures().empty());
  CHECK(race.dispatch.post(race.holder) == kHandOff);
}

TEST_CASE("beside a late order no L2 without a free place is waited for", "[broker][race]") {
  Dispatch dispatch;
  FakeL2 late;
  FakeL2 full;
  const L2& holder = dispatch.add(late, "late");
  const L2& busy = dispatch.add(full, "full", 1);
  dispatch.fetch(1, busy, {.root = cid_number(1)});
  dispatch.fetch(2, holder);
  dispatch.advance(800);
  CHECK(full.trace_ids() == std::vector<std::string>{"t-1"});
  CHECK(dispatch.dispatcher.waiting() == 0);
  SECTION("it is asked soon after it has one") {
    CHECK(dispatch.post(full) == kHandOff);
    dispatch.report(full, Outcome::kComplete, false);
    dispatch.advance(800);
    CHECK(full.trace_ids() == std::vector<std::string>{"t-1", "t-2"});
  }
  SECTION("once the late order has ended it is waited for") {
    CHECK(dispatch.post(full) == kHandOff);
    dispatch.advance(2'200);
    CHECK(late.cancels.size() == 1);
    CHECK(dispatch.dispatcher.waiting() == 1);
  }
}

TEST_CASE("at most four orders of a fetch are open at once", "[broker][race]") {
  Settings settings;
  settings.tries_max = 32;
  Dispatch dispatch(settings);
  std::vector<FakeL2> l2s(8);
  for (size_t n = 0; n < l2s.size(); ++n) dispatch.add(l2s[n], "l2-" + std::to_string(n));
  dispatch.fetch(1, *dispatch.registrations.registry().find("l2-0"));
  dispatch.advance(2'400);
  CHECK(dispatch.context.counters.attempts == 4);
  dispatch.advance(2'999);
  CHECK(dispatch.context.counters.attempts == 4);
  CHECK(dispatch.context.counters.silent == 0);
  dispatch.advance(1);  // All are over, and the race begins anew.
  CHECK(dispatch.context.counters.silent == 4);
  CHECK(dispatch.context.counters.attempts == 5);
}

TEST_CASE("the deadline of a fetch ends all its orders", "[broker][race]") {
  Race race(2);
  race.dispatch.advance(1'000);
  race.dispatch.cancel(1);
  Dispatch& dispatch = race.dispatch;
  REQUIRE(dispatch.dispatcher.on_fetch(kWorker,
                                       {.fetch_id = 2,
                                        .request = {.root = cid_number(42)},
                                        .key = {},
                                        .trace_id = "short",
                                        .deadline_ms = 1'000},
                                       dispatch.now_ms));
  dispatch.advance(999);
  CHECK(dispatch.dispatcher.attempts().live() == 2);
  CHECK(dispatch.failures().empty());
  dispatch.advance(1);
  CHECK(dispatch.failures().at(2) == Outcome::kSilent);
  CHECK(dispatch.dispatcher.attempts().live() == 0);
  // The heartbeats, and the places of orders given up at two L2s.
  CHECK(dispatch.context.timers.size() == 3 + 2);
}

}  // namespace daphnis::broker

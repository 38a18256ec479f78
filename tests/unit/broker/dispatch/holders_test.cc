#include <set>

#include "broker/dispatch/holder_waits.h"
#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// A fetch in mid-answer whose L2s are all used up asks those again that served it, and waits for
/// them where they are gone.
namespace daphnis::broker {
namespace {

constexpr auto kHandOff = Dispatcher::Verdict::kHandOff;

/// A fetch that an only L2 streams.
struct OnlyHolder {
  OnlyHolder() {
    L2& l2 = dispatch.add(holder, "holder");
    dispatch.fetch(1, l2);
    CHECK(dispatch.post(holder) == kHandOff);
  }
  /// Its stream is cut after these blocks, and its registration before it can be asked again.
  void lose(uint64_t blocks_proven) {
    dispatch.dispatcher.on_registration_lost(registered(), dispatch.now_ms);
    (void)dispatch.registrations.remove(registered(), "lost", dispatch.now_ms);
    dispatch.dispatcher.reroute(dispatch.now_ms);
    dispatch.report(holder, Outcome::kAborted, true, blocks_proven, 100);
  }
  L2& registered() { return *dispatch.registrations.registry().find("holder"); }
  [[nodiscard]] bool is_over() const { return dispatch.dispatcher.fetches() == 0; }

  Dispatch dispatch;
  FakeL2 holder;
  const Counters& counters = dispatch.context.counters;
};

}  // namespace

TEST_CASE("the only holder is asked again while there are tries", "[broker][holders]") {
  OnlyHolder at;
  at.dispatch.report(at.holder, Outcome::kAborted, true, 9, 100);
  CHECK(at.holder.orders.size() == 2);
  CHECK(at.counters.holders_asked_again == 1);
  CHECK(at.counters.fetches_carried_on == 1);
  CHECK(at.dispatch.post(at.holder) == kHandOff);
  SECTION("and serves the rest") {
    at.dispatch.report(at.holder, Outcome::kComplete, false, 99, 1'000);
    CHECK(at.counters.fetches_served == 1);
    CHECK(at.counters.attempts_first_hit == 0);
  }
  SECTION("three times without progress") {
    at.dispatch.report(at.holder, Outcome::kAborted, true, 0, 0);
    CHECK(at.holder.orders.size() == 3);
    CHECK(at.dispatch.post(at.holder) == kHandOff);
    at.dispatch.report(at.holder, Outcome::kStalled, true, 0, 0);
    CHECK(at.dispatch.failures().at(1) == Outcome::kL2sFailed);
  }
  SECTION("but not once it lacks the content") {
    at.dispatch.report(at.holder, Outcome::kNotFound, true, 0, 0);
    CHECK(at.dispatch.failures().at(1) == Outcome::kL2sFailed);
  }
  SECTION("but never once it lied, under whatever registration") {
    at.dispatch.report(at.holder, Outcome::kLied, false, 9, 100);
    CHECK(at.is_over());
  }
  CHECK(at.is_over());
  CHECK(at.counters.fetches_carried_on == 1);
  CHECK(at.counters.holders_awaited == 0);
}

TEST_CASE("a liar is not asked again by the same fetch when it comes back", "[broker][holders]") {
  OnlyHolder at;
  FakeL2 other;
  at.dispatch.add(other, "other");
  at.dispatch.report(at.holder, Outcome::kLied, true, 9, 100);
  at.dispatch.lose(at.registered());
  CHECK(at.dispatch.post(other) == kHandOff);
  FakeL2 again;
  at.dispatch.come_back(again, "holder");
  at.dispatch.report(other, Outcome::kAborted, true, 0, 0);
  CHECK(again.orders.empty());
  CHECK(at.dispatch.failures().at(1) == Outcome::kL2sFailed);
}

TEST_CASE("past sources come after all others, the one with most blocks proven first",
          "[broker][holders]") {
  Settings settings;
  settings.tries_max = 32;
  Dispatch dispatch(settings);
  std::vector<FakeL2> l2s(3);
  for (size_t n = 0; n < l2s.size(); ++n) dispatch.add(l2s[n], "l2-" + std::to_string(n));
  dispatch.fetch(1, *dispatch.registrations.registry().find("l2-0"));
  std::vector<FakeL2*> asked;
  const auto stream = [&](uint64_t blocks_proven) {
    FakeL2& l2 = *std::ranges::max_element(l2s, {}, [](const FakeL2& one) {
      return one.orders.empty() ? Uuid{} : one.orders.back().attempt_id;
    });
    asked.push_back(&l2);
    CHECK(dispatch.post(l2) == kHandOff);
    dispatch.report(l2, Outcome::kAborted, true, blocks_proven, 100);
  };
  stream(5);
  stream(7);
  stream(0);  // It never proved a block, so it is not asked again.
  CHECK(std::set<FakeL2*>(asked.begin(), asked.end()).size() == 3);
  stream(0);
  CHECK(asked[3] == asked[1]);
  dispatch.advance(800);
  CHECK(asked[0]->orders.size() == 2);  // Beside the other, which is late.
}

TEST_CASE("an L2 that lost a race is asked again", "[broker][holders]") {
  OnlyHolder at;
  FakeL2 other;
  at.dispatch.add(other, "other");
  at.dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{1}, {}, at.dispatch.now_ms);
  CHECK(at.dispatch.post(other) == kHandOff);
  at.dispatch.report(at.holder, Outcome::kCancelled, false, 0, 0);
  at.dispatch.report(other, Outcome::kAborted, true, 0, 0);
  CHECK(at.holder.orders.size() == 2);
  CHECK(at.counters.holders_asked_again == 1);
}

TEST_CASE("a fetch in mid-answer waits for its lost holder", "[broker][holders]") {
  OnlyHolder at;
  at.lose(9);
  CHECK(at.counters.holders_awaited == 1);
  CHECK(at.dispatch.dispatcher.holder_waits() == 1);
  at.dispatch.advance(14'999);
  CHECK_FALSE(at.is_over());
  FakeL2 again;
  SECTION("until its time is over") {
    at.dispatch.advance(1);
    CHECK(at.dispatch.failures().at(1) == Outcome::kL2sFailed);
  }
  SECTION("which is asked as soon as it registers") {
    at.dispatch.come_back(again, "holder");
    REQUIRE(again.orders.size() == 1);
    CHECK(at.counters.holders_asked_again == 1);
    CHECK(at.dispatch.post(again) == kHandOff);
    at.dispatch.advance(20'000);
    at.dispatch.report(again, Outcome::kComplete, false, 99, 1'000);
    CHECK(at.counters.fetches_served == 1);
  }
  SECTION("and another L2 that registers may serve it") {
    at.dispatch.come_back(again, "new");
    REQUIRE(again.orders.size() == 1);
    CHECK(at.counters.holders_asked_again == 0);
    SECTION("or lacks it, so that the wait goes on") {
      at.dispatch.say_not_found(again);
      CHECK_FALSE(at.is_over());
      CHECK(at.dispatch.dispatcher.holder_waits() == 1);
    }
    at.dispatch.cancel(1);
  }
  SECTION("until its client leaves") {
    at.dispatch.cancel(1);
  }
  SECTION("until the broker drains") {
    at.dispatch.dispatcher.drain(at.dispatch.now_ms);
    CHECK(at.dispatch.failures().at(1) == Outcome::kDraining);
  }
  CHECK(at.is_over());
  CHECK(at.dispatch.dispatcher.holder_waits() == 0);
  CHECK(at.dispatch.context.timers.size() == at.dispatch.registrations.registry().size());
}

TEST_CASE("before its first proven block a fetch waits for no lost holder", "[broker][holders]") {
  OnlyHolder at;
  at.lose(0);
  CHECK(at.dispatch.failures().at(1) == Outcome::kL2sFailed);
  CHECK(at.counters.holders_awaited == 0);
}

TEST_CASE("a fetch in mid-answer waits for a place at its holder", "[broker][holders]") {
  OnlyHolder at;
  at.lose(9);
  FakeL2 again;
  // Another fetch takes its only place first.
  at.dispatch.fetch(2, at.dispatch.add(again, "holder", 1), {.root = cid_number(2)});
  at.dispatch.dispatcher.on_registered();
  at.dispatch.dispatcher.reroute(at.dispatch.now_ms);
  CHECK(again.trace_ids() == std::vector<std::string>{"t-2"});
  CHECK(at.dispatch.dispatcher.waiting() == 1);
  CHECK(at.dispatch.post(again) == kHandOff);
  SECTION("and gets it") {
    at.dispatch.report(again, Outcome::kComplete, false, 9, 100);
    CHECK(again.trace_ids() == std::vector<std::string>{"t-2", "t-1"});
  }
  SECTION("but not for longer than for a lost one") {
    at.dispatch.advance(14'999);
    CHECK(at.dispatch.failures().empty());
    at.dispatch.advance(1);
    CHECK(at.dispatch.failures().contains(1));
  }
}

TEST_CASE("one registration has all waiting fetches tried, so many for each input",
          "[broker][holders]") {
  HolderWaits waits;
  std::set<FetchNo> all;
  for (uint64_t n = 1; n <= 100; ++n) {
    waits.add(FetchNo{n});
    all.insert(FetchNo{n});
  }
  CHECK(waits.take_to_try().empty());
  waits.on_registered();
  const auto first = waits.take_to_try();
  CHECK(first.size() == kHolderWaitsTriedMax);
  const auto second = waits.take_to_try();
  CHECK(first.size() + second.size() == all.size());
  std::set<FetchNo> tried(first.begin(), first.end());
  tried.insert(second.begin(), second.end());
  CHECK(tried == all);
  CHECK(waits.take_to_try().empty());
}

}  // namespace daphnis::broker

#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// A fetch whose source fails in mid-answer goes on with another one.
namespace daphnis::broker {
namespace {

/// A fetch, and L2s any of which may be asked for it. The first one asked streams.
struct Answer {
  explicit Answer(size_t count, const Settings& settings = {}) : dispatch(settings), l2s(count) {
    for (size_t n = 0; n < count; ++n) dispatch.add(l2s[n], name_of_l2(n));
    dispatch.fetch(1, *dispatch.registrations.registry().find(name_of_l2(0)));
    CHECK(dispatch.post(l2s[0]) == Dispatcher::Verdict::kHandOff);
  }
  static std::string name_of_l2(size_t n) { return "l2-" + std::to_string(n); }
  [[nodiscard]] uint64_t orders() const { return dispatch.context.counters.attempts; }
  /// The L2 that got the last order of all.
  FakeL2& last() {
    return *std::ranges::max_element(l2s, {}, [](const FakeL2& l2) {
      return l2.orders.empty() ? Uuid{} : l2.orders.back().attempt_id;
    });
  }
  /// The L2 that was asked last streams and ends so; the worker wants another.
  void stream(Outcome how, uint64_t blocks_proven, uint64_t used_bytes) {
    FakeL2& l2 = last();
    (void)dispatch.post(l2);
    dispatch.report(l2, how, true, blocks_proven, used_bytes);
  }
  [[nodiscard]] bool is_over() const { return dispatch.dispatcher.fetches() == 0; }

  Dispatch dispatch;
  std::vector<FakeL2> l2s;
};

}  // namespace

TEST_CASE("three failures without progress end a fetch", "[broker][carry_on]") {
  Answer answer(8);
  const bool proves_blocks = GENERATE(false, true);
  // Too little for progress, even together.
  const uint64_t used_bytes = limits::kMiB;
  answer.stream(Outcome::kAborted, proves_blocks ? 9 : 0, used_bytes);
  answer.stream(Outcome::kStalled, proves_blocks ? 9 : 0, used_bytes);
  CHECK_FALSE(answer.is_over());
  answer.stream(Outcome::kAborted, proves_blocks ? 9 : 0, used_bytes);
  CHECK(answer.dispatch.failures().at(1) == Outcome::kL2sFailed);
  CHECK(answer.orders() == 3);
}

TEST_CASE("progress gives a fetch its tries anew", "[broker][carry_on]") {
  Answer answer(32);
  SECTION("that of several streams together") {
    for (int n = 0; n < 6; ++n) answer.stream(Outcome::kAborted, 9, 2 * limits::kMiB);
    CHECK_FALSE(answer.is_over());
    CHECK(answer.orders() == 7);
  }
  SECTION("up to sixteen failures in all") {
    for (int n = 0; n < 15; ++n) answer.stream(Outcome::kAborted, 9, 4 * limits::kMiB);
    CHECK_FALSE(answer.is_over());
    answer.stream(Outcome::kAborted, 9, 4 * limits::kMiB);
    CHECK(answer.is_over());
    CHECK(answer.orders() == 16);
  }
  SECTION("but not bytes that nobody could use") {
    for (int n = 0; n < 3; ++n) answer.stream(Outcome::kLied, 0, 0);
    CHECK(answer.is_over());
    CHECK(answer.orders() == 3);
  }
}

TEST_CASE("where a whole DAG was of no use, L2s that send just what is asked for come first",
          "[broker][carry_on]") {
  Dispatch dispatch;
  std::vector<FakeL2> legacy(6);
  FakeL2 exact;
  for (size_t n = 0; n < legacy.size(); ++n) {
    const L2& l2 = dispatch.add(legacy[n], Answer::name_of_l2(n), 3, Capabilities{});
    dispatch.registrations.holdings().add(l2, key_of_multihash(cid_number(42)));
  }
  const bool has_exact = GENERATE(false, true);
  if (has_exact) dispatch.add(exact, "exact");
  dispatch.fetch(1, *dispatch.registrations.registry().find("l2-0"));
  const auto asked = [&](const FakeL2& l2) { return !l2.orders.empty(); };
  FakeL2& first = *std::ranges::find_if(legacy, asked);
  CHECK(dispatch.post(first) == Dispatcher::Verdict::kHandOff);
  dispatch.report(first, Outcome::kHandOffLost, true);
  CHECK(exact.orders.size() == (has_exact ? 1 : 0));
  CHECK(std::ranges::count_if(legacy, asked) == (has_exact ? 1 : 2));
  if (has_exact) return;
  for (int n = 0; n < 5; ++n) {  // It costs no try, so that all are asked.
    FakeL2& last = *std::ranges::max_element(legacy, {}, [](const FakeL2& l2) {
      return l2.orders.empty() ? Uuid{} : l2.orders[0].attempt_id;
    });
    CHECK(dispatch.post(last) == Dispatcher::Verdict::kHandOff);
    dispatch.report(last, Outcome::kHandOffLost, true);
  }
  CHECK(dispatch.context.counters.attempts == 6);
  CHECK(dispatch.failures().at(1) == Outcome::kOverloaded);
}

TEST_CASE("beside a stream that stands still the next L2 is asked", "[broker][carry_on]") {
  Answer answer(6);
  Dispatch& dispatch = answer.dispatch;
  const auto say_stalled = [&] {
    dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{1}, {}, dispatch.now_ms);
  };
  dispatch.advance(40'000);  // Longer than the deadline for the first block.
  CHECK(answer.orders() == 1);
  say_stalled();
  REQUIRE(answer.orders() == 2);
  CHECK(dispatch.context.counters.attempts_beside == 1);
  FakeL2& second = answer.last();
  CHECK(second.orders[0].left_ms == 30'000);
  SECTION("once, while that order is fresh") {
    say_stalled();
    CHECK(answer.orders() == 2);
  }
  SECTION("a further one only when the worker says so again") {
    dispatch.advance(2'000);
    CHECK(answer.orders() == 2);
    say_stalled();
    CHECK(answer.orders() == 3);
  }
  SECTION("its stream may take over, and stand still in turn") {
    CHECK(dispatch.post(second) == Dispatcher::Verdict::kHandOff);
    dispatch.report(answer.l2s[0], Outcome::kCancelled, false, 9, 100);
    CHECK_FALSE(answer.is_over());
    say_stalled();
    CHECK(answer.orders() == 3);
    dispatch.report(second, Outcome::kComplete, false, 99, 1'000);
    CHECK(answer.is_over());
  }
  SECTION("at most four are under way") {
    for (int n = 0; n < 8; ++n) {
      (void)dispatch.post(answer.last());
      say_stalled();
    }
    CHECK(answer.orders() == 4);
  }
  SECTION("a fetch that is over is none of its concern") {
    dispatch.report(answer.l2s[0], Outcome::kComplete, false, 9, 100);
    say_stalled();
    CHECK(answer.orders() == 2);
  }
  CHECK(dispatch.failures().empty());
}

TEST_CASE("a fetch whose stream stands still waits in no queue and does not fail",
          "[broker][carry_on]") {
  Dispatch dispatch;
  FakeL2 slow;
  FakeL2 full;
  const L2& holder = dispatch.add(slow, "slow");
  dispatch.fetch(1, holder);
  CHECK(dispatch.post(slow) == Dispatcher::Verdict::kHandOff);
  if (GENERATE(false, true)) {
    dispatch.fetch(2, dispatch.add(full, "full", 1), {.root = cid_number(2)});
  }
  dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{1}, {}, dispatch.now_ms);
  CHECK(dispatch.dispatcher.waiting() == 0);
  CHECK(slow.trace_ids() == std::vector<std::string>{"t-1"});
  CHECK(dispatch.failures().empty());
  dispatch.report(slow, Outcome::kComplete, false, 9, 100);
  CHECK(dispatch.context.counters.fetches_served == 1);
}

TEST_CASE("the silence of other L2s during a stream costs no try", "[broker][carry_on]") {
  Dispatch dispatch;
  std::vector<FakeL2> l2s(4);
  for (size_t n = 0; n < l2s.size(); ++n) dispatch.add(l2s[n], Answer::name_of_l2(n));
  dispatch.fetch(1, *dispatch.registrations.registry().find("l2-0"));
  dispatch.advance(1'600);
  CHECK(dispatch.context.counters.attempts == 3);
  CHECK(dispatch.post(l2s[0]) == Dispatcher::Verdict::kHandOff);
  dispatch.advance(5'000);
  CHECK(dispatch.context.counters.silent == 2);
  dispatch.report(l2s[0], Outcome::kAborted, true, 9, 100);
  CHECK(dispatch.context.counters.attempts == 4);
}

}  // namespace daphnis::broker

#include "tests/unit/broker/cache/cache_rig.h"
#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// Slow readers: fetches that give their L2 its place back, and go on in the midst of their output.
namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

}  // namespace

TEST_CASE("a fetch that yields leaves its place to the next, and nobody is at fault",
          "[broker][yield]") {
  Dispatch dispatch;
  FakeL2 home;
  L2& l2 = dispatch.add(home, "home", 1);
  dispatch.fetch(1, l2);
  CHECK(dispatch.post(home) == Dispatcher::Verdict::kHandOff);
  dispatch.fetch(2, l2, {.root = cid_number(2)});
  CHECK(dispatch.dispatcher.waiting() == 1);
  dispatch.advance(10'000);
  dispatch.report(home, Outcome::kYielded, false, 9, 100);
  CHECK(home.trace_ids() == std::vector<std::string>{"t-1", "t-2"});
  CHECK_FALSE(dispatch.dispatcher.knows(kWorker, WorkerFetchId{1}));
  CHECK(l2.tally.cancelled == 1);
  CHECK(l2.tally.failed + l2.tally.silent + l2.tally.lied == 0);
  CHECK_FALSE(l2.is_ejected(dispatch.now_ms));
  const Counters& counters = dispatch.context.counters;
  CHECK(counters.fetches_yielded == 1);
  CHECK(counters.outcomes[Outcome::kYielded] == 1);
  CHECK(counters.fetches_given_up + counters.fetches_cancelled + counters.fetches_served == 0);
  const auto ended = dispatch.dispatcher.take_ended();
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].how == Dispatcher::FetchEnd::How::kOver);
  CHECK(dispatch.failures().empty());
  CHECK(dispatch.registrations.holdings().holders(key_of_multihash(kRoot)).size() == 1);
}

TEST_CASE("a fetch yields with all of its streams and orders", "[broker][yield]") {
  Dispatch dispatch;
  std::vector<FakeL2> l2s(2);
  const L2& first = dispatch.add(l2s[0], "first");
  const L2& second = dispatch.add(l2s[1], "second");
  dispatch.fetch(1, first);
  CHECK(dispatch.post(l2s[0]) == Dispatcher::Verdict::kHandOff);
  dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{1}, {}, dispatch.now_ms);
  REQUIRE(l2s[1].orders.size() == 1);
  const bool both_stream = GENERATE(false, true);
  if (both_stream) CHECK(dispatch.post(l2s[1]) == Dispatcher::Verdict::kHandOff);
  dispatch.report(l2s[0], Outcome::kYielded, false, 9, 100);
  CHECK(dispatch.dispatcher.fetches() == 0);
  CHECK(l2s[1].cancels.size() == (both_stream ? 0 : 1));
  // An L2 that streams keeps its place until the worker says that this stream has ended too.
  CHECK(second.places.attempts().size() == (both_stream ? 1 : 0));
  if (both_stream) dispatch.report(l2s[1], Outcome::kYielded, false, 9, 0);
  CHECK(dispatch.dispatcher.attempts().live() == 0);
  CHECK(second.places.attempts().empty());
  CHECK(second.tally.cancelled == 1);
  CHECK(dispatch.context.counters.fetches_yielded == 1);
  CHECK(dispatch.context.counters.fetches_cancelled == 0);
}

TEST_CASE("how long slow readers held a place does not make others be refused", "[broker][yield]") {
  Dispatch dispatch;
  FakeL2 home;
  L2& l2 = dispatch.add(home, "home", 1);
  const auto fetch = [&](uint64_t n) { dispatch.fetch(n, l2, {.root = cid_number(n)}); };
  fetch(1);
  CHECK(dispatch.post(home) == Dispatcher::Verdict::kHandOff);
  dispatch.advance(10'000);
  const bool is_yielded = GENERATE(false, true);
  dispatch.report(home, is_yielded ? Outcome::kYielded : Outcome::kComplete, false, 9, 100);
  CHECK(l2.places.held_ms() == (is_yielded ? 0 : 10'000));
  fetch(2);
  fetch(3);
  CHECK(dispatch.dispatcher.waiting() == (is_yielded ? 1 : 0));
  CHECK(dispatch.context.counters.queue_waits_refused == (is_yielded ? 0 : 1));
}

TEST_CASE("the record of an attempt says that it yielded", "[broker][yield]") {
  Rig rig({.records_attempts = true});
  const ConnId home = rig.register_l2("home", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.post(home, kRoot);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kYielded);
  REQUIRE(rig.attempts.size() == 1);
  CHECK(name_of(rig.attempts[0].outcome) == "yielded");
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("who follows a fetch that yields is fetched anew", "[broker][yield]") {
  CacheRig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  const WorkerId leader = rig.connect_worker();
  const WorkerId follower = rig.connect_worker();
  rig.fetch_number(leader, 1, 7);
  rig.post(home, cid_number(7));
  rig.fetch_number(follower, 20, 7);
  CHECK(rig.orders(home).size() == 1);
  rig.end_attempt(leader, rig.inbox<ipc::Handoff>(leader)[0], Outcome::kYielded);
  CHECK(rig.states(follower, 20) == std::vector{ipc::JoinState::kFailed});
  CHECK(rig.orders(home).size() == 2);
  CHECK(rig.broker.counters().joins_passed_on == 1);
}

TEST_CASE("a fetch that begins in the midst of its output asks L2s that can begin there first",
          "[broker][yield]") {
  Rig rig;
  const ConnId legacy = rig.register_l2("legacy");
  const ConnId exact = rig.register_l2("exact", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.announce("legacy", kRoot);
  const Cid due_cid = cid_number(8);
  const Bytes due = due_cid.bytes();
  const uint64_t skip = GENERATE(0, 5);
  rig.tell(worker, ipc::Fetch{.fetch_id = 1,
                              .request = {.root = kRoot},
                              .key = key_of(CarRequest{.root = kRoot}),
                              .trace_id = "trace-1",
                              .deadline_ms = 30'000,
                              .resume = {.skip = skip, .next = {due.begin(), due.end()}}});
  CHECK(rig.orders(legacy).size() == (skip > 0 ? 0 : 1));
  if (skip == 0) return;
  REQUIRE(rig.orders(exact).size() == 1);
  CHECK(Rig::field(rig.orders(exact)[0], "skip") == "5");
  CHECK(Rig::field(rig.orders(exact)[0], "next") == cid_number(8).text());
  // The first L2 that it asks carries nothing on; the next one does.
  CHECK(rig.broker.counters().fetches_carried_on == 0);
  rig.post(exact, kRoot);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kAborted, true);
  CHECK(rig.orders(legacy).size() == 1);
  CHECK(rig.broker.counters().fetches_carried_on == 1);
}

}  // namespace daphnis::broker

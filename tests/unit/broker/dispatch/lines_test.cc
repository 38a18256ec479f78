#include <set>

#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// The dispatcher by itself, and the lines to its L2s.
namespace daphnis::broker {
namespace {

using Texts = std::vector<std::string>;

const Cid kRoot = cid_number(42);

}  // namespace

TEST_CASE("an order says what its fetch asks for and how long it has", "[broker][dispatch]") {
  const auto capabilities = GENERATE(Capabilities{}, kV2Capabilities);
  Dispatch dispatch;
  FakeL2 home;
  const L2& l2 = dispatch.add(home, "home", 3, capabilities);
  CHECK(home.session_keys == std::vector<Uuid>{l2.session_key});
  const CarRequest request{.root = kRoot, .path = {"a b", "c"}, .scope = DagScope::kEntity};
  dispatch.fetch(7, l2, request);
  REQUIRE(home.orders.size() == 1);
  CHECK(key_of(home.orders[0].request) == key_of(request));
  CHECK(home.orders[0].trace_id == "t-7");
  CHECK(home.orders[0].left_ms == 30'000);
}

TEST_CASE("an order says where its fetch has come to, as its worker said last",
          "[broker][dispatch]") {
  Dispatch dispatch;
  FakeL2 l2s[4];
  for (size_t i = 0; i < 4; ++i) dispatch.add(l2s[i], "home-" + std::to_string(i));
  std::set<Uuid> seen;
  const auto newest = [&]() -> const FakeL2::Got& {
    for (const FakeL2& l2 : l2s) {
      if (!l2.orders.empty() && seen.insert(l2.orders.back().attempt_id).second) {
        return l2.orders.back();
      }
    }
    FAIL("no L2 got an order");
    std::abort();
  };
  const auto end = [&](const Uuid& id, const ipc::Resume& resume, Outcome how) {
    (void)dispatch.dispatcher.on_delivery(id, kRoot, {}, false, dispatch.now_ms);
    (void)dispatch.dispatcher.hand_off(id, dispatch.now_ms);
    (void)dispatch.dispatcher.on_attempt_ended(
        kWorker,
        {.fetch_id = 7, .attempt_id = id, .outcome = how, .wants_another = true, .resume = resume},
        dispatch.now_ms);
  };
  const auto at = [](uint64_t skip) {
    const Bytes next = kRoot.bytes();
    return ipc::Resume{skip, {next.begin(), next.end()}};
  };
  REQUIRE(dispatch.dispatcher.on_fetch(kWorker,
                                       {.fetch_id = 7,
                                        .request = {.root = kRoot},
                                        .key = {},
                                        .trace_id = "t-7",
                                        .deadline_ms = 30'000,
                                        .resume = at(5)},
                                       dispatch.now_ms));
  const FakeL2::Got& asked = newest();
  CHECK(asked.resume == at(5));
  end(asked.attempt_id, at(9), Outcome::kAborted);
  const FakeL2::Got& second = newest();
  CHECK(second.resume == at(9));

  dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{7}, at(11), dispatch.now_ms);
  dispatch.dispatcher.on_stalled(kWorker, WorkerFetchId{8}, at(12), dispatch.now_ms);
  (void)dispatch.dispatcher.on_delivery(second.attempt_id, kRoot, NotFound::kBlock, false,
                                        dispatch.now_ms);
  const FakeL2::Got& third = newest();
  CHECK(third.resume == at(11));
  // No other attempt goes on, so the fetch asks the next L2 as after any failure.
  end(third.attempt_id, {}, Outcome::kOvertaken);
  CHECK(newest().resume == ipc::Resume{});
}

TEST_CASE("an L2 gets its orders in the order of the fetches", "[broker][dispatch]") {
  Dispatch dispatch;
  FakeL2 home;
  const L2& l2 = dispatch.add(home, "home", 2);
  for (uint64_t n = 1; n <= 5; ++n) dispatch.fetch(n, l2, {.root = cid_number(n)});
  CHECK(home.trace_ids() == Texts{"t-1", "t-2"});
  CHECK(dispatch.dispatcher.waiting() == 3);
  dispatch.cancel(2);
  CHECK(home.trace_ids() == Texts{"t-1", "t-2"});
  dispatch.post_late(home, 1);
  CHECK(home.trace_ids() == Texts{"t-1", "t-2", "t-3"});
  dispatch.cancel(4);  // It waits, so its L2 knows nothing of it.
  dispatch.cancel(1);
  dispatch.post_late(home, 0);
  CHECK(home.trace_ids() == Texts{"t-1", "t-2", "t-3", "t-5"});
  CHECK(home.cancels == std::vector<Uuid>{home.orders[1].attempt_id, home.orders[0].attempt_id});
  std::set<Uuid> ids;
  for (const auto& order : home.orders) ids.insert(order.attempt_id);
  CHECK(ids.size() == home.orders.size());
}

TEST_CASE("a silent L2 is told that nobody waits for its attempt", "[broker][dispatch]") {
  Dispatch dispatch;
  FakeL2 home;
  dispatch.fetch(1, dispatch.add(home, "home"));
  dispatch.advance(dispatch.context.settings.first_byte_last_ms - 1);
  CHECK(home.cancels.empty());
  dispatch.advance(1);
  CHECK(home.cancels == std::vector<Uuid>{home.orders[0].attempt_id});
  CHECK(dispatch.failures().at(1) == Outcome::kSilent);
}

TEST_CASE("a line whose L2 is behind gets no order before the L2 has read", "[broker][dispatch]") {
  Dispatch dispatch;
  FakeL2 home{.bytes_per_call = limits::kL2UnsentBytesMax};
  FakeL2 other;
  L2& behind = dispatch.add(home, "home");
  REQUIRE(behind.is_behind(dispatch.now_ms));
  SECTION("another L2 is asked instead, although this one is the holder") {
    dispatch.add(other, "other");
    dispatch.fetch(1, behind);
    CHECK(home.orders.empty());
    CHECK(other.trace_ids() == Texts{"t-1"});
  }
  SECTION("where there is no other the order comes once it has read") {
    dispatch.fetch(1, behind);
    CHECK(home.orders.empty());
    home.bytes_per_call = 1;
    dispatch.report_unsent(behind, limits::kL2UnsentBytesMax - 1);
    CHECK(home.trace_ids() == Texts{"t-1"});
    CHECK(behind.unsent_bytes == limits::kL2UnsentBytesMax);
  }
}

TEST_CASE("the fetches of a lost registration go elsewhere", "[broker][dispatch]") {
  Dispatch dispatch;
  FakeL2 home;
  FakeL2 other;
  L2& lost = dispatch.add(home, "home", 2);
  SECTION("to another L2, those that it was asked for before those that waited") {
    for (uint64_t n = 1; n <= 3; ++n) dispatch.fetch(n, lost, {.root = cid_number(n)});
    CHECK(home.trace_ids() == Texts{"t-1", "t-2"});
    dispatch.add(other, "other");
    dispatch.lose(lost)->end("lost", dispatch.now_ms);
    CHECK(other.trace_ids() == Texts{"t-1", "t-2", "t-3"});
    CHECK(dispatch.registrations.registry().size() == 1);
  }
  SECTION("to nobody where there is none") {
    dispatch.fetch(1, lost);
    CHECK(dispatch.lose(lost));
    CHECK(dispatch.failures().at(1) == Outcome::kL2sFailed);
    CHECK(dispatch.dispatcher.fetches() == 0);
  }
  SECTION("not to the same L2 by a new line, which gets the next") {
    dispatch.fetch(1, lost, {.root = cid_number(1)});
    dispatch.now_ms += dispatch.context.settings.replace_every_ms;
    CHECK(&dispatch.add(other, "home") == &lost);
    REQUIRE(dispatch.replaced);
    dispatch.dispatcher.on_registration_lost(lost, dispatch.now_ms);
    dispatch.dispatcher.reroute(dispatch.now_ms);
    CHECK(dispatch.failures().at(1) == Outcome::kL2sFailed);
    dispatch.fetch(2, lost, {.root = cid_number(2)});
    CHECK(home.trace_ids() == Texts{"t-1"});
    CHECK(other.trace_ids() == Texts{"t-2"});
  }
  CHECK(home.cancels.empty());
}

TEST_CASE("what an L2 can do decides how its deliveries are understood", "[broker][dispatch]") {
  const StreamShape shape = GENERATE(StreamShape::kExact, StreamShape::kWholeDag);
  const bool reads_whole_requests = GENERATE(false, true);
  Dispatch dispatch;
  FakeL2 home;
  const L2& l2 = dispatch.add(
      home, "home", 3, {.stream_shape = shape, .reads_whole_requests = reads_whole_requests});
  dispatch.fetch(1, l2, {.root = kRoot, .scope = DagScope::kBlock});
  REQUIRE(home.orders.size() == 1);
  const Uuid id = home.orders[0].attempt_id;
  SECTION("a stream is verified as what the L2 sends") {
    const auto decision =
        dispatch.dispatcher.on_delivery(id, kRoot, std::nullopt, false, dispatch.now_ms);
    CHECK(decision.verdict == Dispatcher::Verdict::kHandOff);
    CHECK(dispatch.dispatcher.hand_off(id, dispatch.now_ms).shape == shape);
  }
  SECTION("a not-found is of the root where the L2 knew that no more was asked for") {
    const auto decision =
        dispatch.dispatcher.on_delivery(id, kRoot, NotFound::kUnspecified, false, dispatch.now_ms);
    CHECK(decision.verdict == Dispatcher::Verdict::kNotFound);
    CHECK(dispatch.registrations.holdings().size() == (reads_whole_requests ? 0 : 1));
  }
  CHECK(home.cancels.empty());
}

}  // namespace daphnis::broker

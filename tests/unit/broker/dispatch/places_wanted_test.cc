#include "broker/dispatch/places_wanted.h"

#include "tests/unit/broker/dispatch/dispatch_rig.h"
#include "tests/unit/broker/rig.h"

/// Workers learn that others wait for the places that their attempts take.
namespace daphnis::broker {
namespace {

/// One L2 with two places, which two fetches take and stream.
struct Full {
  explicit Full(const Settings& settings = {}) : dispatch(settings) {
    l2 = &dispatch.add(home, "home", 2);
    for (uint64_t n = 1; n <= 2; ++n) {
      fetch(n);
      CHECK(dispatch.post(home) == Dispatcher::Verdict::kHandOff);
      streams.push_back(home.orders.back().attempt_id);
    }
  }
  /// A fetch of an object of its own.
  void fetch(uint64_t n) { dispatch.fetch(n, *l2, {.root = cid_number(n)}); }
  /// The attempts whose places were said to be wanted since the last call.
  std::vector<Uuid> wanted() {
    std::vector<Uuid> ids;
    for (const auto& one : dispatch.told<ipc::PlaceWanted>()) ids.push_back(one.attempt_id);
    return ids;
  }

  Dispatch dispatch;
  FakeL2 home;
  L2* l2 = nullptr;
  std::vector<Uuid> streams;
};

}  // namespace

TEST_CASE("the places of an L2 are wanted as soon as a fetch waits for one", "[broker][wanted]") {
  Full at;
  CHECK(at.wanted().empty());
  at.fetch(3);
  CHECK(at.wanted() == at.streams);
  CHECK(at.dispatch.context.counters.places_wanted == 2);
}

TEST_CASE("places are wanted again each second, for as long as a fetch waits", "[broker][wanted]") {
  Full at;
  at.fetch(3);
  at.fetch(4);
  CHECK(at.wanted() == at.streams);
  at.dispatch.advance(kPlaceWantedEveryMs - 1);
  at.fetch(5);
  CHECK(at.wanted().empty());
  for (int n = 0; n < 3; ++n) {
    at.dispatch.advance(kPlaceWantedEveryMs);
    CHECK(at.wanted() == at.streams);
  }
  for (uint64_t n = 3; n <= 5; ++n) at.dispatch.cancel(n);
  at.dispatch.advance(10 * kPlaceWantedEveryMs);
  CHECK(at.wanted().empty());
  at.fetch(6);
  CHECK(at.wanted() == at.streams);
}

TEST_CASE("only the place of an attempt that a worker reads is wanted", "[broker][wanted]") {
  Dispatch dispatch;
  FakeL2 home;
  const L2& l2 = dispatch.add(home, "home", 1);
  dispatch.fetch(1, l2);
  dispatch.fetch(2, l2, {.root = cid_number(2)});
  CHECK(dispatch.told<ipc::PlaceWanted>().empty());
  CHECK(dispatch.post(home) == Dispatcher::Verdict::kHandOff);
  dispatch.advance(kPlaceWantedEveryMs);
  CHECK(dispatch.told<ipc::PlaceWanted>().size() == 1);
}

TEST_CASE("a fetch that goes to another L2 wants no place", "[broker][wanted]") {
  Full at;
  FakeL2 other;
  at.dispatch.add(other, "other");
  REQUIRE(at.dispatch.dispatcher.on_fetch(kWorker,
                                          {.fetch_id = 3,
                                           .request = {.root = cid_number(3)},
                                           .key = {},
                                           .trace_id = "t-3",
                                           .deadline_ms = 30'000},
                                          at.dispatch.now_ms));
  CHECK(other.orders.size() == 1);
  CHECK(at.wanted().empty());
}

TEST_CASE("a fetch that is refused for want of a place wants the places that it passed over",
          "[broker][wanted]") {
  Full at({.queue_wait_ms_max = 100});
  at.dispatch.advance(5'000);
  at.dispatch.report(at.home, Outcome::kComplete, false, 9, 100);
  at.fetch(3);
  CHECK(at.dispatch.post(at.home) == Dispatcher::Verdict::kHandOff);
  const std::vector<Uuid> reading{at.streams[0], at.home.orders.back().attempt_id};
  at.fetch(4);
  const auto told = at.wanted();
  CHECK(at.dispatch.context.counters.queue_waits_refused == 1);
  CHECK(told == reading);
  at.fetch(5);
  CHECK(at.wanted().empty());
  at.dispatch.advance(2 * kPlaceWantedEveryMs);
  CHECK(at.wanted().empty());  // Nobody waits.
  at.fetch(6);
  CHECK(at.wanted() == reading);
}

TEST_CASE("a fetch that waits for an L2 that does not read its lines wants no other's place",
          "[broker][wanted]") {
  Dispatch dispatch;
  FakeL2 home;
  L2& l2 = dispatch.add(home, "home", 2);
  dispatch.fetch(1, l2);
  CHECK(dispatch.post(home) == Dispatcher::Verdict::kHandOff);
  dispatch.report_unsent(l2, l2.unsent_bytes_max());
  dispatch.fetch(2, l2, {.root = cid_number(2)});
  CHECK(dispatch.dispatcher.waiting() == 1);
  CHECK(dispatch.told<ipc::PlaceWanted>().empty());
}

TEST_CASE("an L2 whose registration is lost is wanted no more", "[broker][wanted]") {
  Full at;
  at.fetch(3);
  (void)at.dispatch.lose(*at.l2);
  CHECK(at.dispatch.context.timers.size() == 0);
}

TEST_CASE("the broker goes on telling workers of places that are wanted", "[broker][wanted]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=1");
  const WorkerId slow = rig.connect_worker();
  const WorkerId other = rig.connect_worker();
  rig.fetch(slow, 1, cid_number(1));
  rig.post(home, cid_number(1));
  rig.fetch(other, 2, cid_number(2));
  rig.advance(2 * kPlaceWantedEveryMs);
  const auto wanted = rig.inbox<ipc::PlaceWanted>(slow);
  REQUIRE(wanted.size() == 3);
  const ipc::Handoff handoff = rig.inbox<ipc::Handoff>(slow)[0];
  for (const auto& one : wanted) CHECK(one.attempt_id == handoff.attempt_id);
  CHECK(rig.inbox<ipc::PlaceWanted>(other).empty());
  rig.end_attempt(slow, handoff, Outcome::kYielded);
  CHECK(rig.orders(home).size() == 2);
  rig.advance(2 * kPlaceWantedEveryMs);
  CHECK(rig.inbox<ipc::PlaceWanted>(slow).size() == 3);
  CHECK(rig.inbox<ipc::PlaceWanted>(other).empty());
}

}  // namespace daphnis::broker

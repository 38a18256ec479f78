#include "tests/unit/broker/cache/cache_rig.h"

/// Fetches of one slow reader each, which have no part in any group.
namespace daphnis::broker {
namespace {

using ipc::JoinState;

/// Two workers, and L2s that have what they ask for: object number 7.
struct Loners {
  Loners() {
    home = rig.register_l2("home", "?v=2&capacity=8");
    first = rig.connect_worker();
    second = rig.connect_worker();
  }
  static ipc::Fetch message(uint64_t fetch_id, bool is_alone, uint64_t skip = 0) {
    const CarRequest request{.root = cid_number(7)};
    const Cid due_cid = cid_number(8);
    const Bytes due = due_cid.bytes();
    ipc::Fetch fetch{.fetch_id = fetch_id,
                     .request = request,
                     .key = key_of(request),
                     .trace_id = "trace-" + std::to_string(fetch_id),
                     .deadline_ms = 30'000};
    if (skip > 0) fetch.resume = {.skip = skip, .next = {due.begin(), due.end()}};
    fetch.is_alone = is_alone;
    return fetch;
  }
  /// A slow reader wants more.
  void ask_alone(WorkerId worker, uint64_t fetch_id) {
    rig.tell(worker, message(fetch_id, true, 5));
  }
  size_t orders() { return rig.orders(home).size(); }

  CacheRig rig;
  ConnId home{};
  WorkerId first{};
  WorkerId second{};
};

}  // namespace

TEST_CASE("a fetch that is alone follows no other", "[broker][alone]") {
  Loners at;
  at.rig.fetch_number(at.first, 1, 7);
  at.rig.post(at.home, cid_number(7));
  at.ask_alone(at.second, 20);
  CHECK(at.orders() == 2);
  CHECK(at.rig.told(at.second, 20).empty());
  CHECK(at.rig.inbox<ipc::SpoolWanted>(at.first).empty());
  CHECK(at.rig.broker.counters().joins == 0);
}

TEST_CASE("nobody follows a fetch that is alone", "[broker][alone]") {
  Loners at;
  at.ask_alone(at.first, 1);
  at.rig.post(at.home, cid_number(7));
  at.rig.fetch_number(at.second, 20, 7);
  CHECK(at.orders() == 2);
  CHECK(at.rig.inbox<ipc::SpoolWanted>(at.first).empty());
  at.rig.progress(at.first, 1, JoinState::kGoing, 4096);
  CHECK(at.rig.told(at.second, 20).empty());
}

TEST_CASE("a fetch that is alone takes the lead of no group of its worker", "[broker][alone]") {
  Loners at;
  at.rig.fetch_number(at.first, 1, 7);
  at.rig.post(at.home, cid_number(7));
  at.ask_alone(at.first, 2);
  CHECK(at.orders() == 2);
  at.rig.fetch_number(at.second, 20, 7);
  CHECK(at.orders() == 2);
  REQUIRE(at.rig.inbox<ipc::SpoolWanted>(at.first).size() == 1);
  CHECK(at.rig.inbox<ipc::SpoolWanted>(at.first)[0].fetch_id == 1);
  // Its end is of no matter to those who follow the other one.
  at.rig.post(at.home, cid_number(7));
  at.rig.end_attempt(at.first, at.rig.inbox<ipc::Handoff>(at.first).back(), Outcome::kYielded);
  CHECK(at.rig.told(at.second, 20).empty());
  at.rig.end_attempt(at.first, at.rig.inbox<ipc::Handoff>(at.first)[0], Outcome::kComplete);
  at.rig.progress(at.first, 1, JoinState::kWhole, 9000);
  CHECK(at.rig.states(at.second, 20) == std::vector{JoinState::kWhole});
  CHECK(at.rig.broker.is_quiet());
}

TEST_CASE("a fetch that is alone goes over to the cached file, unless it could not read it",
          "[broker][alone]") {
  Loners at;
  at.rig.store(at.first, 7, 1000);
  SECTION("as any other does") {
    at.ask_alone(at.second, 20);
    CHECK(at.rig.states(at.second, 20) == std::vector{JoinState::kCached});
    CHECK(at.orders() == 0);
    CHECK(at.rig.broker.counters().fetches_cached == 1);
    CHECK(at.rig.broker.is_quiet());
  }
  SECTION("or is fetched") {
    ipc::Fetch again = Loners::message(20, true, 5);
    again.must_not_join = true;
    at.rig.tell(at.second, again);
    CHECK(at.rig.told(at.second, 20).empty());
    CHECK(at.orders() == 1);
  }
}

TEST_CASE("a fetch that is alone is not for the cache", "[broker][alone]") {
  Loners at;
  const bool is_alone = GENERATE(false, true);
  at.rig.tell(at.first, Loners::message(1, is_alone));
  at.rig.post(at.home, cid_number(7));
  const auto handoffs = at.rig.inbox<ipc::Handoff>(at.first);
  REQUIRE(handoffs.size() == 1);
  CHECK((handoffs[0].admission == ipc::Admission::kNo) == is_alone);
}

TEST_CASE("a fetch that is alone ends with its client, its worker or its refusal",
          "[broker][alone]") {
  Loners at;
  at.ask_alone(at.first, 1);
  SECTION("client") {
    at.rig.tell(at.first, ipc::CancelFetch{1});
  }
  SECTION("worker") {
    at.rig.kill_worker(at.first);
  }
  SECTION("refusal") {
    at.rig.post_not_found(at.home, cid_number(7));
    CHECK(at.rig.failure(at.first, 1) == Outcome::kNotFound);
  }
  CHECK(at.rig.broker.is_quiet());
}

}  // namespace daphnis::broker

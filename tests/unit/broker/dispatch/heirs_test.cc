// Tests of followers in mid-answer whose leader is gone: one finds its place and leads.

#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

using ipc::JoinState;

/// A leader that streams object number 7 as fetch 1, and two workers that may follow it as fetches
/// 20 and 30.
struct Family {
  Family() : rig(cache_config()) {
    home = rig.register_l2("home", "?v=2&capacity=8");
    leader = rig.connect_worker();
    second = rig.connect_worker();
    third = rig.connect_worker();
  }
  [[nodiscard]] static ipc::Fetch fetch_of(uint64_t fetch_id, uint32_t deadline_ms = 30'000) {
    return {.fetch_id = fetch_id,
            .request = {.root = cid_number(7)},
            .key = key_for(7),
            .trace_id = "t",
            .deadline_ms = deadline_ms,
            .finds_place = true};
  }
  /// What an heir asks that has found its place behind 5 blocks.
  [[nodiscard]] static ipc::Fetch found(uint64_t fetch_id) {
    ipc::Fetch fetch = fetch_of(fetch_id);
    const Cid due = cid_number(99);
    const Bytes next = due.bytes();
    fetch.must_not_join = true;
    fetch.resume = {.skip = 5, .next = {next.begin(), next.end()}};
    return fetch;
  }
  /// Both follow the leader, which has bytes, and then it dies.
  void lose_leader(uint32_t third_deadline_ms = 30'000) {
    rig.fetch_number(leader, 1, 7);
    rig.post(home, cid_number(7));
    rig.tell(second, fetch_of(20));
    rig.tell(third, fetch_of(30, third_deadline_ms));
    rig.progress(leader, 1, JoinState::kGoing, 4096);
    rig.kill_worker(leader);
  }
  [[nodiscard]] size_t orders() const { return rig.orders(home).size(); }
  [[nodiscard]] JoinState last_told(WorkerId worker, uint64_t fetch_id) const {
    const auto states = rig.states(worker, fetch_id);
    REQUIRE_FALSE(states.empty());
    return states.back();
  }
  /// The worker's fetch streams to its end, and with it whatever followed.
  void finish(WorkerId worker) {
    rig.post(home, cid_number(7));
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker).back(), Outcome::kComplete);
  }

  CacheRig rig;
  ConnId home{};
  WorkerId leader{};
  WorkerId second{};
  WorkerId third{};
};

}  // namespace

TEST_CASE("a follower in mid-answer finds its place before it leads", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  CHECK(rig.states(family.second, 20) ==
        std::vector{JoinState::kGoing, JoinState::kFailed, JoinState::kLead});
  CHECK(rig.states(family.third, 30) == std::vector{JoinState::kGoing, JoinState::kFailed});
  CHECK(family.orders() == 1);
  rig.tell(family.second, Family::found(21));
  REQUIRE(family.orders() == 2);
  CHECK(Rig::field(rig.orders(family.home)[1], "skip") == "5");
  REQUIRE(rig.inbox<ipc::SpoolWanted>(family.second).size() == 1);
  CHECK(rig.inbox<ipc::SpoolWanted>(family.second)[0].fetch_id == 21);
  rig.progress(family.second, 21, JoinState::kWhole, 9000, "/cache/tmp/0-77-2");
  CHECK(family.last_told(family.third, 30) == JoinState::kWhole);
  family.finish(family.second);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().heirs == 1);
  CHECK(rig.broker.counters().heirs_lost == 0);
  CHECK(rig.broker.counters().joins_passed_on == 1);
}

TEST_CASE("an heir that has not found its place leads from the front", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  ipc::Fetch lost = Family::fetch_of(21);
  lost.must_not_join = lost.has_output = true;
  lost.finds_place = false;
  rig.tell(family.second, lost);
  REQUIRE(family.orders() == 2);
  CHECK(Rig::field(rig.orders(family.home)[1], "skip").empty());
  CHECK(rig.inbox<ipc::SpoolWanted>(family.second).size() == 1);
}

TEST_CASE("a leader that cannot be read along hands its followers to the next heir",
          "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  rig.tell(family.second, Family::found(21));
  rig.progress(family.second, 21, JoinState::kFailed, 0);
  CHECK(family.last_told(family.third, 30) == JoinState::kLead);
  rig.tell(family.third, Family::found(31));
  CHECK(family.orders() == 3);
  CHECK(rig.broker.counters().heirs == 2);
}

TEST_CASE("a follower without output, or whose worker cannot find its place, leads at once",
          "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  rig.fetch_number(family.leader, 1, 7);
  rig.post(family.home, cid_number(7));
  ipc::Fetch follower = Family::fetch_of(20);
  const bool has_output = GENERATE(false, true);
  follower.finds_place = !has_output;
  rig.tell(family.second, follower);
  if (has_output) rig.progress(family.leader, 1, JoinState::kGoing, 4096);
  rig.kill_worker(family.leader);
  CHECK(family.last_told(family.second, 20) == JoinState::kFailed);
  CHECK(family.orders() == 2);
  CHECK(rig.broker.counters().heirs == 0);
}

TEST_CASE("an heir that is lost is followed by the next", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  bool is_there = false;
  SECTION("it does not ask in time") {
    rig.advance(kHeirWaitMs - 1);
    CHECK(family.last_told(family.third, 30) == JoinState::kFailed);
    rig.advance(1);
    is_there = true;
  }
  SECTION("its client leaves") {
    rig.tell(family.second, ipc::CancelFetch{20});
  }
  SECTION("it dies") {
    rig.kill_worker(family.second);
  }
  CHECK(rig.states(family.third, 30) ==
        std::vector{JoinState::kGoing, JoinState::kFailed, JoinState::kFailed, JoinState::kLead});
  CHECK(rig.broker.counters().heirs_lost == 1);
  CHECK(rig.broker.counters().fetches_cancelled == 1);  // The fetch of the leader that died.
  rig.tell(family.third, Family::found(31));
  CHECK(family.orders() == 2);
  if (is_there) {  // It is late, and goes on by itself.
    rig.tell(family.second, Family::found(21));
    CHECK(family.orders() == 3);
    CHECK(rig.broker.joins().followers() == 0);
    family.finish(family.second);
    rig.tell(family.third, ipc::CancelFetch{31});
  } else {
    family.finish(family.third);
  }
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("the last heir that is lost leaves nothing behind", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  rig.tell(family.third, ipc::CancelFetch{30});
  SECTION("in silence") {
    rig.advance(kHeirWaitMs);
  }
  SECTION("by a cancel") {
    rig.tell(family.second, ipc::CancelFetch{20});
  }
  CHECK(rig.broker.is_quiet());
  rig.fetch_number(family.second, 40, 7);
  CHECK(family.orders() == 2);
}

TEST_CASE("deadlines of followers with output stand still while an heir is awaited",
          "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader(5'000);
  rig.advance(kHeirWaitMs - 1);
  CHECK_FALSE(rig.failure(family.third, 30));
  rig.tell(family.second, Family::found(21));
  rig.post(family.home, cid_number(7));
  rig.advance(4'999);
  CHECK_FALSE(rig.failure(family.third, 30));
  rig.advance(1);
  CHECK(rig.failure(family.third, 30) == Outcome::kSilent);
}

TEST_CASE("those who come while an heir is awaited follow it", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  const WorkerId fourth = rig.connect_worker();
  rig.tell(fourth, Family::fetch_of(40, 5'000));
  CHECK(family.orders() == 1);
  SECTION("and have no output, so that their deadlines pass") {
    rig.advance(5'000);
    CHECK(rig.failure(fourth, 40) == Outcome::kSilent);
  }
  SECTION("unless they are of its worker, which cannot use that fetch") {
    rig.tell(family.second, Family::fetch_of(25));
    CHECK(family.orders() == 2);
    CHECK(rig.inbox<ipc::SpoolWanted>(family.second).empty());
    rig.tell(family.second, Family::found(21));
    CHECK(rig.inbox<ipc::SpoolWanted>(family.second).at(0).fetch_id == 21);
  }
}

TEST_CASE("a fetch with output that asks a new broker finds its place before it leads",
          "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  ipc::Fetch orphan = Family::fetch_of(20);
  orphan.has_output = true;
  SECTION("and is the heir where it comes first") {
    rig.tell(family.second, orphan);
    CHECK(rig.states(family.second, 20) == std::vector{JoinState::kLead});
    rig.tell(family.third, Family::fetch_of(30));
    CHECK(family.orders() == 0);
    rig.tell(family.second, Family::found(21));
    CHECK(family.orders() == 1);
    CHECK(rig.inbox<ipc::SpoolWanted>(family.second).at(0).fetch_id == 21);
    CHECK(rig.broker.joins().followers() == 1);
  }
  SECTION("but follows one that leads already") {
    rig.fetch_number(family.leader, 1, 7);
    rig.tell(family.second, orphan);
    CHECK(rig.told(family.second, 20).empty());
    CHECK(rig.broker.joins().followers() == 1);
  }
  SECTION("and goes on by itself where it must not join one that leads") {
    rig.fetch_number(family.leader, 1, 7);
    orphan.must_not_join = true;
    rig.tell(family.second, orphan);
    CHECK(rig.states(family.second, 20) == std::vector{JoinState::kLead});
    CHECK(rig.broker.joins().followers() == 0);
    rig.tell(family.second, Family::found(21));
    CHECK(family.orders() == 2);
  }
}

TEST_CASE("an heir counts as the end of the fetch that it was", "[broker][joins]") {
  Family family;
  CacheRig& rig = family.rig;
  family.lose_leader();
  rig.tell(family.third, ipc::CancelFetch{30});
  rig.tell(family.second, Family::found(21));
  family.finish(family.second);
  const Counters& counters = rig.broker.counters();
  CHECK(counters.fetches == 4);
  CHECK(counters.fetches_served + counters.fetches_cancelled + counters.heirs == 4);
}

}  // namespace daphnis::broker

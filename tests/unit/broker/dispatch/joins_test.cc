#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

using ipc::JoinState;

/// A leader whose stream was handed off, and two workers that may follow it.
struct Party {
  explicit Party(Settings settings = cache_config()) : rig(std::move(settings)) {
    home = rig.register_l2("home", "?v=2&capacity=8");
    leader = rig.connect_worker();
    second = rig.connect_worker();
    third = rig.connect_worker();
  }
  /// Fetch 1 of the leader, for object number 7, which streams.
  void lead() {
    rig.fetch_number(leader, 1, 7);
    rig.post(home, cid_number(7));
    REQUIRE(rig.inbox<ipc::Handoff>(leader).size() == 1);
  }
  size_t orders() { return rig.orders(home).size(); }
  size_t wanted(WorkerId worker) { return rig.inbox<ipc::SpoolWanted>(worker).size(); }
  void end(WorkerId worker, Outcome outcome, bool wants_another = false) {
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker).back(), outcome, wants_another);
  }

  CacheRig rig;
  ConnId home{};
  WorkerId leader{};
  WorkerId second{};
  WorkerId third{};
};

}  // namespace

TEST_CASE("one attempt serves the fetches of all workers", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  CHECK(party.wanted(party.leader) == 1);
  CHECK(rig.inbox<ipc::SpoolWanted>(party.leader)[0].fetch_id == 1);
  CHECK(rig.told(party.second, 20).empty());
  rig.progress(party.leader, 1, JoinState::kGoing, 4096);
  REQUIRE(rig.told(party.second, 20).size() == 1);
  CHECK(rig.told(party.second, 20)[0].bytes == 4096);
  CHECK(rig.told(party.second, 20)[0].path == "/cache/tmp/0-77-1");
  rig.fetch_number(party.third, 30, 7);
  CHECK(party.wanted(party.leader) == 1);
  REQUIRE(rig.told(party.third, 30).size() == 1);
  CHECK(rig.told(party.third, 30)[0].bytes == 4096);
  party.end(party.leader, Outcome::kComplete);
  rig.progress(party.leader, 1, JoinState::kWhole, 9000);
  CHECK(rig.states(party.second, 20) == std::vector{JoinState::kGoing, JoinState::kWhole});
  CHECK(rig.told(party.third, 30).back().bytes == 9000);
  CHECK(party.orders() == 1);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().fetches == 3);
  CHECK(rig.broker.counters().fetches_served == 1);
  CHECK(rig.broker.counters().fetches_joined == 2);
  CHECK(rig.broker.counters().joins == 2);
}

TEST_CASE("fetches of other objects are not joined", "[broker][joins]") {
  Party party;
  party.lead();
  party.rig.fetch_number(party.second, 20, 8);
  CHECK(party.orders() == 2);
  CHECK(party.wanted(party.leader) == 0);
}

TEST_CASE("who must not join is dispatched", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  const ipc::Fetch fetch{.fetch_id = 20,
                         .request = {.root = cid_number(7)},
                         .key = key_for(7),
                         .trace_id = "t",
                         .deadline_ms = 1'000,
                         .must_not_join = true};
  SECTION("though somebody fetches it") {
    party.lead();
    rig.tell(party.second, fetch);
    CHECK(party.orders() == 2);
  }
  SECTION("though the cache holds it") {
    rig.store(party.leader, 7, kMiB);
    rig.tell(party.second, fetch);
    CHECK(party.orders() == 1);
  }
  CHECK(rig.told(party.second, 20).empty());
}

TEST_CASE("a worker does not join itself", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.leader, 2, 7);
  CHECK(party.orders() == 2);
  rig.fetch_number(party.second, 20, 7);
  REQUIRE(party.wanted(party.leader) == 1);
  CHECK(rig.inbox<ipc::SpoolWanted>(party.leader)[0].fetch_id == 2);
}

TEST_CASE("what the cache holds is not fetched", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  rig.store(party.leader, 7, kMiB);
  rig.fetch_number(party.second, 20, 7);
  CHECK(rig.states(party.second, 20) == std::vector{JoinState::kCached});
  CHECK(party.orders() == 0);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().fetches_cached == 1);
}

TEST_CASE("who asks while a file gets its name is told when it has it", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.reserve(party.leader, 1, 8 * kMiB);
  rig.fetch_number(party.third, 30, 7);
  rig.progress(party.leader, 1, JoinState::kGoing, 4096);
  party.end(party.leader, Outcome::kComplete);
  rig.done(party.leader, 1, 7, kMiB);
  rig.fetch_number(party.second, 20, 7);
  CHECK(rig.told(party.second, 20).empty());
  SECTION("it is stored") {
    rig.run_folder();
    CHECK(rig.states(party.second, 20) == std::vector{JoinState::kCached});
    // This follower already reads from the spool.
    CHECK(rig.states(party.third, 30) == std::vector{JoinState::kGoing});
    rig.progress(party.leader, 1, JoinState::kWhole, kMiB);
    CHECK(rig.states(party.third, 30).back() == JoinState::kWhole);
    CHECK(party.orders() == 1);
  }
  SECTION("it is not stored") {
    rig.progress(party.leader, 1, JoinState::kWhole, kMiB);
    CHECK(rig.states(party.third, 30).back() == JoinState::kWhole);
    CHECK(rig.told(party.second, 20).empty());
    rig.folder(FileStored{
        .spool = {party.leader, 1}, .key = key_for(7), .is_stored = false, .why = "full"});
    CHECK(rig.states(party.second, 20) == std::vector{JoinState::kFailed});
    CHECK(party.orders() == 2);
    rig.post(party.home, cid_number(7));
    party.end(party.second, Outcome::kComplete);
  }
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a file that does not get its name in time holds nobody up", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.reserve(party.leader, 1, 8 * kMiB);
  party.end(party.leader, Outcome::kComplete);
  rig.done(party.leader, 1, 7, kMiB);
  rig.fetch_number(party.second, 20, 7);
  rig.advance(999);
  CHECK(party.orders() == 1);
  rig.advance(1);
  CHECK(party.orders() == 2);
  rig.post(party.home, cid_number(7));
  party.end(party.second, Outcome::kComplete);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a leader that fails is followed by its oldest follower", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  rig.fetch_number(party.third, 30, 7);
  rig.progress(party.leader, 1, JoinState::kGoing, 4096);
  SECTION("it cannot spool from the start") {
    rig.progress(party.leader, 1, JoinState::kFailed, 0);
    party.end(party.leader, Outcome::kComplete);
  }
  SECTION("its client leaves") {
    rig.tell(party.leader, ipc::CancelFetch{1});
    party.end(party.leader, Outcome::kCancelled);
  }
  SECTION("its stream is cut and it wants no other") {
    party.end(party.leader, Outcome::kAborted);
  }
  SECTION("it dies") {
    rig.kill_worker(party.leader);
  }
  CHECK(rig.states(party.second, 20) == std::vector{JoinState::kGoing, JoinState::kFailed});
  CHECK(rig.states(party.third, 30) == std::vector{JoinState::kGoing, JoinState::kFailed});
  CHECK(party.orders() == 2);
  CHECK(party.wanted(party.second) == 1);
  CHECK(rig.inbox<ipc::SpoolWanted>(party.second)[0].fetch_id == 20);
  rig.post(party.home, cid_number(7));
  rig.progress(party.second, 20, JoinState::kGoing, 100, "/cache/tmp/0-77-2");
  CHECK(rig.told(party.third, 30).back().path == "/cache/tmp/0-77-2");
  party.end(party.second, Outcome::kComplete);
  rig.progress(party.second, 20, JoinState::kWhole, 200, "/cache/tmp/0-77-2");
  CHECK(rig.states(party.third, 30).back() == JoinState::kWhole);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().joins_passed_on == 1);
}

TEST_CASE("followers in mid-answer outlive a leader, however long ago they came",
          "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch(party.second, 20, cid_number(7), 5'000);
  rig.fetch(party.third, 30, cid_number(7), 5'000);
  rig.progress(party.leader, 1, JoinState::kGoing, 4096);
  rig.advance(60'000);
  rig.kill_worker(party.leader);
  rig.post(party.home, cid_number(7));
  rig.advance(4'999);
  CHECK_FALSE(rig.failure(party.third, 30));
  rig.advance(1);
  CHECK(rig.failure(party.third, 30));
}

TEST_CASE("an attempt that another one follows disturbs no follower", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.register_l2("other", "?v=2&capacity=8");
  rig.fetch_number(party.second, 20, 7);
  party.end(party.leader, Outcome::kAborted, true);
  CHECK(rig.told(party.second, 20).empty());
  CHECK(rig.broker.joins().followers() == 1);
}

TEST_CASE("a fetch that fails fails for all its followers", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  SECTION("all L2s say not found") {
    rig.fetch_number(party.leader, 1, 7);
    rig.fetch_number(party.second, 20, 7);
    rig.fetch_number(party.third, 30, 7);
    rig.post_not_found(party.home, cid_number(7));
    CHECK(rig.failure(party.leader, 1) == Outcome::kNotFound);
    CHECK(rig.failure(party.second, 20) == Outcome::kNotFound);
    CHECK(rig.failure(party.third, 30) == Outcome::kNotFound);
    CHECK(party.orders() == 1);
  }
  SECTION("the broker stops") {
    rig.fetch_number(party.leader, 1, 7);
    rig.fetch_number(party.second, 20, 7);
    rig.broker.drain(rig.now_ms);
    rig.carry_out();
    CHECK(rig.failure(party.leader, 1) == Outcome::kDraining);
    CHECK(rig.failure(party.second, 20) == Outcome::kDraining);
  }
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("followers of a stream outlive the broker's drain", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  rig.broker.drain(rig.now_ms);
  rig.carry_out();
  CHECK_FALSE(rig.failure(party.second, 20));
  rig.progress(party.leader, 1, JoinState::kWhole, 100);
  party.end(party.leader, Outcome::kComplete);
  CHECK(rig.states(party.second, 20) == std::vector{JoinState::kWhole});
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a follower waits for a first byte as long as its fetch may", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch(party.second, 20, cid_number(7), 5'000);
  SECTION("none comes") {
    rig.advance(4'999);
    CHECK_FALSE(rig.failure(party.second, 20));
    rig.advance(1);
    CHECK(rig.failure(party.second, 20) == Outcome::kSilent);
    CHECK(rig.broker.joins().followers() == 0);
  }
  SECTION("one comes") {
    rig.advance(4'000);
    rig.progress(party.leader, 1, JoinState::kGoing, 1);
    rig.advance(60'000);
    CHECK_FALSE(rig.failure(party.second, 20));
    CHECK(rig.broker.joins().followers() == 1);
  }
}

TEST_CASE("a follower that leaves disturbs nobody", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  rig.fetch_number(party.third, 30, 7);
  SECTION("its client leaves") {
    rig.tell(party.second, ipc::CancelFetch{20});
  }
  SECTION("it dies") {
    rig.kill_worker(party.second);
  }
  rig.progress(party.leader, 1, JoinState::kWhole, 100);
  party.end(party.leader, Outcome::kComplete);
  CHECK(rig.told(party.second, 20).empty());
  CHECK(rig.states(party.third, 30) == std::vector{JoinState::kWhole});
  CHECK(rig.broker.counters().fetches_cancelled == 1);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a fetch that is over is joined while its worker remembers it", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  party.end(party.leader, Outcome::kComplete);
  SECTION("it does") {
    rig.fetch_number(party.second, 20, 7);
    CHECK(party.wanted(party.leader) == 1);
    rig.progress(party.leader, 1, JoinState::kWhole, 100);
    CHECK(rig.states(party.second, 20) == std::vector{JoinState::kWhole});
    rig.fetch_number(party.third, 30, 7);
    CHECK(rig.states(party.third, 30) == std::vector{JoinState::kWhole});
    CHECK(party.orders() == 1);
  }
  SECTION("it does not") {
    rig.fetch_number(party.second, 20, 7);
    rig.progress(party.leader, 1, JoinState::kFailed, 0);
    CHECK(rig.states(party.second, 20) == std::vector{JoinState::kFailed});
    CHECK(party.orders() == 2);
  }
  SECTION("it is long ago") {
    rig.advance(limits::kGroupEndedMs);
    rig.fetch_number(party.second, 20, 7);
    CHECK(party.wanted(party.leader) == 0);
    CHECK(party.orders() == 2);
  }
  SECTION("it is dead") {
    rig.kill_worker(party.leader);
    rig.fetch_number(party.second, 20, 7);
    CHECK(party.orders() == 2);
  }
}

TEST_CASE("a spool that others read is charged until they let go", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  rig.reserve(party.leader, 5, 8 * kMiB, false);
  rig.progress(party.leader, 1, JoinState::kGoing, 100, "/cache/tmp/1-77-5");
  const bool dies = GENERATE(false, true);
  if (dies) {
    rig.kill_worker(party.leader);
    CHECK(rig.inbox<ipc::Unlink>(party.second).empty());
    rig.run_folder();
  } else {
    rig.progress(party.leader, 1, JoinState::kWhole, 200, "/cache/tmp/1-77-5");
    rig.tell(party.leader, ipc::SpoolGone{5});
  }
  CHECK(rig.index().charged_bytes() == 8 * kMiB);
  REQUIRE(rig.inbox<ipc::Unlink>(party.second).size() == 1);
  CHECK(rig.inbox<ipc::Unlink>(party.second)[0].paths ==
        std::vector<std::string>{"/cache/tmp/1-77-5"});
  CHECK(rig.inbox<ipc::Unlink>(party.third).empty());
  SECTION("the reader lets go") {
    rig.confirm_all(party.second);
  }
  SECTION("the reader dies") {
    rig.kill_worker(party.second);
  }
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("an id that is waiting already makes no sense", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  rig.fetch_number(party.second, 20, 7);
  rig.fetch_number(party.second, 20, 8);
  CHECK(rig.workers[party.second].is_closed);
  CHECK(rig.broker.joins().followers() == 0);
}

TEST_CASE("progress that makes no sense ends the connection", "[broker][joins]") {
  Party party;
  CacheRig& rig = party.rig;
  party.lead();
  SECTION("of the cache") {
    rig.progress(party.leader, 1, JoinState::kCached, 1);
  }
  SECTION("bytes of no file") {
    rig.progress(party.leader, 1, JoinState::kGoing, 1, "");
  }
  SECTION("a file elsewhere") {
    rig.progress(party.leader, 1, JoinState::kGoing, 1, "/etc/passwd");
  }
  CHECK(rig.workers[party.leader].is_closed);
}

}  // namespace daphnis::broker

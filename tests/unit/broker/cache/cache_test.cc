#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {

TEST_CASE("a worker learns of the folders when it is welcomed", "[broker][cache]") {
  Settings settings = cache_config();
  settings.cache_syncs = true;
  CacheRig rig(settings);
  const auto welcome = rig.inbox<ipc::Welcome>(rig.connect_worker());
  REQUIRE(welcome.size() == 1);
  CHECK(welcome[0].cache_dir == "/cache");
  CHECK(welcome[0].spool_dir == "/spools");
  CHECK(welcome[0].syncs_files);
}

TEST_CASE("a spool that is done becomes a file and is held", "[broker][cache]") {
  CacheRig rig;
  rig.broker.on_second(1'700'000'000, rig.now_ms);
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, 8 * kMiB);
  REQUIRE(rig.reservation(worker, 1));
  CHECK(rig.reservation(worker, 1)->bytes == 8 * kMiB);
  CHECK(rig.reservation(worker, 1)->place == ipc::SpoolPlace::kCache);
  CHECK(rig.index().reserved_bytes() == 8 * kMiB);
  rig.done(worker, 1, 7, 5 * kMiB);
  const auto tasks = rig.tasks_of<StoreFile>();
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].name == "0-77-1");
  CHECK(tasks[0].key == key_for(7));
  CHECK(tasks[0].size == 5 * kMiB);
  CHECK_FALSE(rig.stored(worker, 1));
  CHECK_FALSE(rig.broker.cache().holds(key_for(7)));
  rig.run_folder();
  CHECK(rig.stored(worker, 1) == true);
  CHECK(rig.broker.cache().holds(key_for(7)));
  CHECK(rig.index().reserved_bytes() == 0);
  CHECK(rig.index().held_bytes() == 5 * kMiB);
  CHECK(rig.index().find(key_for(7))->stored_s == 1'700'000'000);
  CHECK(rig.broker.counters().cache_stores == 1);
}

TEST_CASE("what the folder cannot store is not held", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, 8 * kMiB);
  rig.done(worker, 1, 7, 5 * kMiB);
  rig.folder(FileStored{.spool = {worker, 1}, .key = key_for(7), .is_stored = false, .why = "EIO"});
  CHECK(rig.stored(worker, 1) == false);
  CHECK_FALSE(rig.holds(7));
  REQUIRE(rig.tasks_of<UnlinkSpools>().size() == 1);
  CHECK(rig.tasks_of<UnlinkSpools>()[0].paths == std::vector<std::string>{"/cache/tmp/0-77-1"});
  rig.run_folder();
  rig.confirm_all(worker);
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("a second file of one key is thrown away", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 7, kMiB);
  rig.reserve(worker, 2, 8 * kMiB);
  rig.done(worker, 2, 7, kMiB);
  CHECK(rig.stored(worker, 2) == true);
  CHECK(rig.tasks_of<StoreFile>().empty());
  REQUIRE(rig.tasks_of<UnlinkSpools>().size() == 1);
  // The file is charged until it is unlinked and its own worker has closed it, too.
  CHECK(rig.index().charged_bytes() == 9 * kMiB);
  rig.run_folder();
  CHECK(rig.index().charged_bytes() == 9 * kMiB);
  REQUIRE(rig.inbox<ipc::Unlink>(worker).size() == 1);
  CHECK(rig.inbox<ipc::Unlink>(worker)[0].paths == std::vector<std::string>{"/cache/tmp/0-77-2"});
  rig.confirm_all(worker);
  CHECK(rig.index().charged_bytes() == kMiB);
  CHECK(rig.broker.cache().deferred_frees() == 0);
}

TEST_CASE("a file larger than its reservation is not taken", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, kMiB);
  rig.done(worker, 1, 7, kMiB + 1);
  CHECK(rig.stored(worker, 1) == false);
  CHECK_FALSE(rig.holds(7));
  rig.run_folder();
  rig.confirm_all(worker);
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("a full cache evicts and grants when every worker has let go", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  const WorkerId worker = rig.connect_worker();
  const WorkerId other = rig.connect_worker();
  rig.store(worker, 1, 6 * kMiB);
  rig.reserve(worker, 2, 8 * kMiB);
  CHECK_FALSE(rig.reservation(worker, 2));
  CHECK(rig.inbox<ipc::Unlink>(worker).empty());
  REQUIRE(rig.tasks_of<UnlinkFiles>().size() == 1);
  CHECK(rig.tasks_of<UnlinkFiles>()[0].keys == std::vector{key_for(1)});
  rig.run_folder();
  REQUIRE(rig.inbox<ipc::Unlink>(worker).size() == 1);
  REQUIRE(rig.inbox<ipc::Unlink>(other).size() == 1);
  const auto unlink = rig.inbox<ipc::Unlink>(other)[0];
  CHECK(unlink.keys == std::vector{key_for(1)});
  const WorkerId late = rig.connect_worker();
  rig.confirm(worker, unlink.deferred_free);
  rig.confirm(worker, unlink.deferred_free);
  rig.confirm(late, unlink.deferred_free);
  CHECK(rig.index().deferred_bytes() == 6 * kMiB);
  CHECK_FALSE(rig.reservation(worker, 2));
  SECTION("the other confirms") {
    rig.confirm(other, unlink.deferred_free);
  }
  SECTION("the other dies") {
    rig.kill_worker(other);
  }
  CHECK(rig.index().deferred_bytes() == 0);
  REQUIRE(rig.reservation(worker, 2));
  CHECK(rig.reservation(worker, 2)->bytes == 8 * kMiB);
  CHECK(rig.index().charged_bytes() == 8 * kMiB);
}

TEST_CASE("a reservation that cannot be had is refused", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  const WorkerId worker = rig.connect_worker();
  SECTION("more than the whole cache") {
    rig.reserve(worker, 1, 10 * kMiB + 1);
    CHECK(rig.reservation(worker, 1)->bytes == 0);
    rig.reserve(worker, 2, UINT64_MAX);
    CHECK(rig.reservation(worker, 2)->bytes == 0);
  }
  SECTION("a step that would make a spool larger than the cache") {
    rig.reserve(worker, 1, 8 * kMiB);
    rig.reserve(worker, 1, 8 * kMiB);
    CHECK(rig.reservation(worker, 1)->bytes == 0);
    rig.tell(worker, ipc::SpoolGone{1});
  }
  SECTION("what other spools have") {
    rig.reserve(worker, 1, 8 * kMiB);
    rig.reserve(worker, 2, 8 * kMiB);
    CHECK(rig.reservation(worker, 2)->bytes == 0);
    rig.tell(worker, ipc::SpoolGone{1});
  }
  SECTION("what does not come free in time") {
    rig.store(worker, 7, 6 * kMiB);
    rig.reserve(worker, 2, 8 * kMiB);
    rig.run_folder();
    rig.advance(limits::kReservationWaitMs - 1);
    CHECK_FALSE(rig.reservation(worker, 2));
    rig.advance(1);
    REQUIRE(rig.reservation(worker, 2));
    CHECK(rig.reservation(worker, 2)->bytes == 0);
    rig.confirm_all(worker);
  }
  SECTION("while the folder is down") {
    rig.folder(FolderHealth{.is_up = false, .why = "no space left"});
    rig.reserve(worker, 1, kMiB);
    CHECK(rig.reservation(worker, 1)->bytes == 0);
    rig.folder(FolderHealth{.is_up = true, .why = {}});
    rig.folder(FilesFound{.entries = {}, .is_last = true});
    rig.reserve(worker, 2, kMiB);
    REQUIRE(rig.reservation(worker, 2));
    CHECK(rig.reservation(worker, 2)->bytes == kMiB);
    rig.tell(worker, ipc::SpoolGone{2});
  }
  CHECK(rig.index().charged_bytes() == 0);
  CHECK(rig.broker.cache().spools() == 0);
}

TEST_CASE("a file that is being stored outlives its worker", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, 8 * kMiB);
  rig.done(worker, 1, 7, kMiB);
  rig.kill_worker(worker);
  rig.run_folder();
  CHECK(rig.broker.cache().holds(key_for(7)));
  CHECK(rig.index().charged_bytes() == kMiB);
}

TEST_CASE("a worker that names files elsewhere is disconnected", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  const std::string name = GENERATE("../../etc/passwd", "", ".", "..", "a/b", ".hidden", "a b",
                                    "0123456789012345678901234567890123456789012345678901234567890"
                                    "12345678901234567890123456789012345678901234567890123456789012"
                                    "345678901234567890");
  SECTION("as a spool that it holds") {
    rig.tell(worker, ipc::SpoolHeld{
                         .spool = 1, .bytes = 1, .place = ipc::SpoolPlace::kCache, .name = name});
  }
  SECTION("as a spool that is done") {
    rig.reserve(worker, 1, kMiB);
    const Cid cid = cid_number(1);
    const Bytes root = cid.bytes();
    rig.tell(worker, ipc::SpoolDone{.spool = 1,
                                    .name = name,
                                    .key = key_for(1),
                                    .root = {root.begin(), root.end()},
                                    .size = 1});
  }
  SECTION("as how far a fetch has come") {
    rig.progress(worker, 1, ipc::JoinState::kGoing, 1, "/cache/tmp/" + name);
  }
  CHECK(rig.workers[worker].is_closed);
  CHECK(rig.tasks_of<StoreFile>().empty());
  rig.run_folder();
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("hand-offs say whether the answer is worth keeping", "[broker][cache]") {
  const auto admission = [](CacheRig& rig, WorkerId worker, uint64_t n) {
    const ConnId home = rig.register_l2("home" + std::to_string(n));
    rig.fetch_number(worker, n, n);
    rig.post(home, cid_number(n));
    const auto handoffs = rig.inbox<ipc::Handoff>(worker);
    REQUIRE_FALSE(handoffs.empty());
    const ipc::Admission said = handoffs.back().admission;
    rig.end_attempt(worker, handoffs.back(), Outcome::kComplete);
    rig.hang_up(home);
    return said;
  };
  SECTION("an empty cache takes all") {
    CacheRig rig;
    CHECK(admission(rig, rig.connect_worker(), 1) == ipc::Admission::kYes);
  }
  SECTION("a full one takes small ones and what was asked for before") {
    CacheRig rig(cache_config(10 * kMiB));
    const WorkerId worker = rig.connect_worker();
    rig.store(worker, 1000, 9 * kMiB);
    CHECK(admission(rig, worker, 1) == ipc::Admission::kIfSmall);
    CHECK(admission(rig, worker, 1) == ipc::Admission::kYes);
  }
  SECTION("one whose folder is down takes none") {
    CacheRig rig;
    rig.folder(FolderHealth{.is_up = false, .why = "gone"});
    CHECK(admission(rig, rig.connect_worker(), 1) == ipc::Admission::kNo);
  }
  SECTION("nor does one that is not there") {
    CacheRig rig(Settings{});
    CHECK(admission(rig, rig.connect_worker(), 1) == ipc::Admission::kNo);
  }
}

TEST_CASE("hits keep entries and are counted", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  rig.broker.on_second(1'700'000'000, rig.now_ms);
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, 3 * kMiB);
  rig.store(worker, 2, 3 * kMiB);
  rig.store(worker, 3, 3 * kMiB);
  rig.advance(60'000);
  rig.tell(worker, ipc::CacheHits{{{key_for(1), 5}, {key_for(3), 2}, {key_for(99), 1}}});
  CHECK(rig.broker.counters().cache_hits == 8);
  CHECK(rig.index().find(key_for(1))->hits == 5);
  CHECK(rig.index().find(key_for(1))->idle_s == 0);
  CHECK(rig.index().find(key_for(2))->idle_s == 60);
  rig.reserve(worker, 9, 3 * kMiB);
  CHECK(rig.holds(1));
  CHECK_FALSE(rig.holds(2));
  CHECK(rig.holds(3));
}

TEST_CASE("a file found of no use is dropped everywhere", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  const WorkerId other = rig.connect_worker();
  rig.store(worker, 7, kMiB);
  size_t quarantined = 0;
  SECTION("a worker misses it") {
    rig.tell(worker, ipc::CacheFault{
                         .key = key_for(7), .kind = ipc::CacheFaultKind::kMissing, .detail = {}});
  }
  SECTION("a worker finds it corrupt") {
    quarantined = 1;
    rig.tell(worker,
             ipc::CacheFault{
                 .key = key_for(7), .kind = ipc::CacheFaultKind::kCorrupt, .detail = "no trailer"});
  }
  SECTION("the scrubber finds it corrupt") {
    quarantined = 1;
    rig.folder(FileCorrupt{.key = key_for(7), .why = "another digest"});
  }
  CHECK_FALSE(rig.holds(7));
  CHECK(rig.tasks_of<Quarantine>().size() == quarantined);
  CHECK(rig.broker.counters().cache_quarantined == quarantined);
  rig.run_folder();
  CHECK(rig.inbox<ipc::Unlink>(other).size() == 1);
  rig.confirm_all(worker);
  rig.confirm_all(other);
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("a file that is being stored is not missing", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, 8 * kMiB);
  rig.done(worker, 1, 7, kMiB);
  rig.tell(worker,
           ipc::CacheFault{.key = key_for(7), .kind = ipc::CacheFaultKind::kMissing, .detail = {}});
  CHECK(rig.holds(7));
}

}  // namespace daphnis::broker

#include <optional>

#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

constexpr uint64_t kHourMs = 3'600'000;

/// A rig whose index holds files that no snapshot knew, so that none counts as proven.
struct ProofRig : CacheRig {
  explicit ProofRig(const Settings& settings = cache_config()) : CacheRig(settings) {
    pass(0);
    FilesFound found{.entries = {}, .is_last = true};
    for (uint64_t n = 1; n <= 5; ++n) {
      found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 10});
    }
    folder(FolderHealth{.is_up = false, .why = "a new scan"});
    folder(FolderHealth{.is_up = true, .why = {}});
    folder(found);
    worker = connect_worker();
  }
  void pass(uint64_t hours) {
    now_ms += hours * kHourMs;
    broker.on_second(1'700'000'000, now_ms);
    carry_out();
  }
  void hit(uint64_t n) { tell(worker, ipc::CacheHits{{{key_for(n), 1}}}); }
  /// The file that the folder was told to prove since the last call, which is one at most; 0: none.
  uint64_t proof_started() {
    const auto tasks = tasks_of<ProveFile>();
    folder_tasks.clear();
    REQUIRE(tasks.size() <= 1);
    for (uint64_t n = 1; n <= 5; ++n) {
      if (!tasks.empty() && tasks.front().key == key_for(n)) return n;
    }
    return 0;
  }
  void proven(uint64_t n, bool is_good = true) { folder(FileProven{key_for(n), is_good}); }

  WorkerId worker{};
};

TEST_CASE("a file that is hit and was not verified for long is next", "[broker][cache]") {
  ProofRig rig;
  CHECK(rig.proof_started() == 0);
  rig.hit(3);
  CHECK(rig.proof_started() == 3);
  // A file is proven once, and the others wait in the order of their hits.
  rig.hit(3);
  rig.hit(5);
  rig.hit(1);
  CHECK(rig.proof_started() == 0);
  CHECK(rig.broker.cache().proofs_waiting() == 3);
  rig.proven(3);
  CHECK(rig.proof_started() == 5);
  rig.proven(5);
  CHECK(rig.proof_started() == 1);
  rig.proven(1);
  CHECK(rig.broker.cache().proofs_waiting() == 0);
  rig.pass(23);
  rig.hit(3);
  CHECK(rig.proof_started() == 0);
  rig.pass(1);
  rig.hit(3);
  CHECK(rig.proof_started() == 3);
  CHECK(rig.index().find(key_for(5))->unproven_h == 24);
  CHECK(rig.index().find(key_for(2))->unproven_h == CacheEntry::kNeverHours);
}

TEST_CASE("what was just written counts as verified", "[broker][cache]") {
  ProofRig rig;
  rig.store(rig.worker, 9, kMiB);
  rig.folder_tasks.clear();
  rig.hit(9);
  CHECK(rig.tasks_of<ProveFile>().empty());
  rig.pass(24);
  rig.hit(9);
  CHECK(rig.tasks_of<ProveFile>().size() == 1);
}

TEST_CASE("a proof that cannot be had holds up no other", "[broker][cache]") {
  ProofRig rig;
  rig.hit(1);
  rig.hit(2);
  rig.hit(3);
  CHECK(rig.proof_started() == 1);
  SECTION("the file is gone") {
    (void)rig.broker.cache().purge(cid_number(2));
    rig.carry_out();
    rig.proven(1, false);
    CHECK(rig.proof_started() == 3);
    rig.proven(3);
    rig.hit(1);  // The file was not proven, so its next hit queues it again.
    CHECK(rig.proof_started() == 1);
  }
  SECTION("the file is corrupt") {
    rig.folder(FileCorrupt{key_for(1), "a bit"});
    CHECK_FALSE(rig.holds(1));
    CHECK(rig.proof_started() == 2);
  }
  SECTION("the folder goes down") {
    rig.folder(FolderHealth{.is_up = false, .why = "gone"});
    CHECK(rig.proof_started() == 0);
    rig.folder(FolderHealth{.is_up = true, .why = {}});
    FilesFound found{.entries = {}, .is_last = true};
    for (uint64_t n = 1; n <= 5; ++n) {
      found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 10});
    }
    rig.folder(found);
    CHECK(rig.proof_started() == 2);
    rig.hit(1);
    rig.proven(2);
    CHECK(rig.proof_started() == 3);
    rig.proven(3);
    CHECK(rig.proof_started() == 1);
  }
}

TEST_CASE("hits ask for no proof where nothing is scrubbed or nobody wants it", "[broker][cache]") {
  Settings settings = cache_config();
  SECTION("no scrubber") {
    settings.cache_scrub_bytes_per_s = 0;
  }
  SECTION("no hours") {
    settings.cache_verify_hours = 0;
  }
  ProofRig rig(settings);
  rig.hit(1);
  CHECK(rig.proof_started() == 0);
  CHECK(rig.broker.cache().proofs_waiting() == 0);
}

}  // namespace
}  // namespace daphnis::broker

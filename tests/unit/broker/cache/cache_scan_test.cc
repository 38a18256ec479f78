#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {

TEST_CASE("a scan fills the cache up to its limit", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  FilesFound found;
  for (uint64_t n = 1; n <= 4; ++n) {
    found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 3 * kMiB});
  }
  rig.folder(found);
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  rig.run_folder();
  CHECK(rig.index().entries() == 3);
  CHECK(rig.index().charged_bytes() == 9 * kMiB);
}

TEST_CASE("a scan after the folder came back drops what is gone", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, kMiB);
  rig.store(worker, 2, kMiB);
  rig.reserve(worker, 3, kMiB);
  rig.folder(FolderHealth{.is_up = false, .why = "it is gone"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  rig.done(worker, 3, 3, kMiB);
  rig.run_folder();
  rig.folder(FilesFound{.entries = {{.key = key_for(2), .root = cid_number(2), .size = kMiB}}});
  CHECK(rig.holds(1));
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  CHECK_FALSE(rig.holds(1));
  CHECK(rig.holds(2));
  CHECK(rig.holds(3));
}

TEST_CASE("what a scan removes is gone, even if it was stored during the scan", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, kMiB);
  rig.reserve(worker, 2, kMiB);
  rig.folder(FolderHealth{.is_up = false, .why = "it is gone"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  rig.done(worker, 1, 1, kMiB);
  rig.done(worker, 2, 2, kMiB);
  rig.run_folder();
  rig.folder(FilesFound{.entries = {}, .lost = {key_for(1), key_for(3)}});
  rig.run_folder();
  CHECK_FALSE(rig.holds(1));
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  CHECK_FALSE(rig.holds(1));
  CHECK(rig.holds(2));
  std::vector<RequestKey> told;
  for (const ipc::Unlink& unlink : rig.inbox<ipc::Unlink>(worker)) {
    told.insert(told.end(), unlink.keys.begin(), unlink.keys.end());
  }
  CHECK(told == std::vector{key_for(1), key_for(3)});  // It may have either open.
}

TEST_CASE("a spool that a worker brought along may be open at any other", "[broker][cache]") {
  CacheRig rig;
  const WorkerId veteran = rig.connect_worker();
  const WorkerId reader = rig.connect_worker();
  rig.tell(veteran,
           ipc::SpoolHeld{
               .spool = 9, .bytes = kMiB, .place = ipc::SpoolPlace::kCache, .name = "5-66-9"});
  SECTION("it is given up") {
    rig.tell(veteran, ipc::SpoolGone{9});
    rig.confirm_all(veteran);
  }
  SECTION("its worker dies") {
    rig.kill_worker(veteran);
    rig.run_folder();
  }
  CHECK(rig.index().charged_bytes() == kMiB);
  REQUIRE(rig.inbox<ipc::Unlink>(reader).size() == 1);
  CHECK(rig.inbox<ipc::Unlink>(reader)[0].paths == std::vector<std::string>{"/cache/tmp/5-66-9"});
  rig.confirm_all(reader);
  CHECK(rig.index().charged_bytes() == 0);
}

TEST_CASE("reservations are granted when a scan has told what lies there", "[broker][cache]") {
  CacheRig rig(cache_config(20 * kMiB));
  const WorkerId worker = rig.connect_worker();
  rig.folder(FolderHealth{.is_up = false, .why = "gone"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  CHECK(rig.broker.cache().admission(key_for(2)) == ipc::Admission::kNo);
  rig.reserve(worker, 1, 8 * kMiB);
  REQUIRE(rig.reservation(worker, 1));
  CHECK(rig.reservation(worker, 1)->bytes == 0);
  // A spool that is only for readers goes to the spool folder.
  rig.reserve(worker, 2, 8 * kMiB, false);
  REQUIRE(rig.reservation(worker, 2));
  CHECK(rig.reservation(worker, 2)->bytes == 8 * kMiB);
  CHECK(rig.reservation(worker, 2)->place == ipc::SpoolPlace::kSpoolDir);
  const CacheEntry found{.key = key_for(1), .root = cid_number(1), .size = 11 * kMiB};
  rig.folder(FilesFound{.entries = {found}, .is_last = false});
  rig.reserve(worker, 3, 8 * kMiB);
  CHECK(rig.reservation(worker, 3)->bytes == 0);
  rig.folder(FilesFound{.entries = {}, .is_last = true});
  CHECK(rig.broker.cache().admission(key_for(2)) == ipc::Admission::kYes);
  rig.reserve(worker, 4, 8 * kMiB);
  REQUIRE(rig.reservation(worker, 4));
  CHECK(rig.reservation(worker, 4)->bytes == 8 * kMiB);
}

}  // namespace daphnis::broker

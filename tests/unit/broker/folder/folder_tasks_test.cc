#include <catch2/catch.hpp>

#include "tests/unit/broker/folder/keeper_rig.h"

namespace daphnis::broker::test {

TEST_CASE("the folder's tasks are carried out in order and one round at a time") {
  KeeperRig rig;
  rig.start();
  rig.add(store_number(1));
  rig.add(unlink_number(1));
  rig.add(store_number(2));
  REQUIRE(rig.disk.rounds.size() == 1);
  CHECK(std::get<StoreFile>(rig.disk.rounds[0][0]).key == key_number(1));
  CHECK(rig.keeper.tasks_pending() == 3);
  rig.end_task(stored_number(1));
  REQUIRE(rig.disk.rounds.size() == 2);
  CHECK(std::get<UnlinkFiles>(rig.disk.rounds[1][0]).deferred_free == 1);
  rig.end_task(FilesUnlinked{1});
  REQUIRE(rig.disk.rounds.size() == 3);
  CHECK(std::get<StoreFile>(rig.disk.rounds[2][0]).key == key_number(2));
  rig.end_task(stored_number(2));
  CHECK(rig.keeper.tasks_pending() == 0);
  REQUIRE(rig.events.size() == 3);
  CHECK(std::get<FileStored>(rig.events[0]).key == key_number(1));
  CHECK(std::get<FilesUnlinked>(rig.events[1]).deferred_free == 1);
  CHECK(std::get<FileStored>(rig.events[2]).key == key_number(2));
}

TEST_CASE("stores that wait share a round and any other task has its own") {
  KeeperRig rig;
  rig.start();
  rig.add(unlink_number(1));
  rig.add(store_number(2));
  rig.add(store_number(3));
  rig.add(unlink_number(4));
  rig.end_task(FilesUnlinked{1});
  REQUIRE(rig.disk.rounds.size() == 2);
  REQUIRE(rig.disk.rounds[1].size() == 2);
  rig.round({.ends = {{.event = stored_number(2)}}});
  CHECK(rig.disk.rounds.size() == 2);
  CHECK(rig.disk.rounds_continued == 1);
  CHECK(rig.keeper.tasks_pending() == 3);
  rig.end_task(stored_number(3));
  REQUIRE(rig.disk.rounds.size() == 3);
  CHECK(rig.disk.rounds[2].size() == 1);
}

TEST_CASE("a round of stores is bounded") {
  KeeperRig rig;
  rig.start();
  for (size_t i = 0; i < limits::kFolderStepFiles + 3; ++i) rig.add(store_number(1));
  rig.end_task(stored_number(1));
  REQUIRE(rig.disk.rounds.size() == 2);
  CHECK(rig.disk.rounds[1].size() == limits::kFolderStepFiles);
  CHECK(rig.keeper.tasks_pending() == limits::kFolderStepFiles + 2);
}

TEST_CASE("a file that is unlinked while a scan runs is not reported by the scan") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.add(unlink_number(1));
  rig.add(Quarantine{.key = key_number(2), .reason = "damaged"});
  rig.scan({.entries = {entry_number(1), entry_number(2), entry_number(3)}});
  const auto found = rig.events_of<FilesFound>();
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].entries.size() == 1);
  CHECK(found[0].entries[0].key == key_number(3));
  CHECK(rig.disk.scans_continued == 1);
}

TEST_CASE("a file whose unlink was given before the scan is not reported by the scan") {
  KeeperRig rig;
  rig.open();
  rig.add(unlink_number(1));
  rig.add(unlink_number(2));
  rig.add(unlink_number(3));
  rig.add(store_number(3));
  rig.keeper.start_scan(rig.now_ms);
  rig.scan({.entries = {entry_number(1), entry_number(2), entry_number(3)}, .is_last = true});
  const auto found = rig.events_of<FilesFound>();
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].entries.size() == 1);
  CHECK(found[0].entries[0].key == key_number(3));
}

TEST_CASE("a file that is stored again while a scan runs is reported by the scan") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.add(unlink_number(1));
  rig.add(store_number(1));
  rig.scan({.entries = {entry_number(1)}, .is_last = true});
  const auto found = rig.events_of<FilesFound>();
  REQUIRE(found.size() == 1);
  CHECK(found[0].entries.size() == 1);
  CHECK(found[0].is_last);
  CHECK_FALSE(rig.keeper.is_scanning());
}

TEST_CASE("a file whose store fails while a scan runs is not reported by the scan") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.add(store_number(1));
  rig.end_task(stored_number(1, false));
  rig.scan({.entries = {entry_number(1)}, .is_last = true});
  CHECK(rig.events_of<FilesFound>().at(0).entries.empty());
}

TEST_CASE("strays are swept at intervals and by one sweep at a time") {
  KeeperRig rig({.scrub_bytes_per_s = 0, .sweep_every_ms = 1'000});
  rig.open({.has_cache = false, .strays_removed = 2});
  rig.pass(999);
  CHECK(rig.disk.sweeps == 0);
  rig.pass(5'000);
  CHECK(rig.disk.sweeps == 1);
  rig.keeper.on_sweep(3);
  rig.pass(1'000);
  CHECK(rig.disk.sweeps == 2);
  CHECK(rig.keeper.counts().strays_removed == 5);
  CHECK(rig.disk.probes.empty());
}

}  // namespace daphnis::broker::test

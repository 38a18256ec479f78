#include <catch2/catch.hpp>

#include "tests/unit/broker/folder/keeper_rig.h"

namespace daphnis::broker::test {

TEST_CASE("trouble in a task sets the folder down once and drops the scan") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.add(store_number(1));
  rig.add(store_number(2));
  rig.end_task(stored_number(1, false), "the disk is full");
  rig.end_task(stored_number(2, false), "the disk is still full");
  const auto health = rig.events_of<FolderHealth>();
  REQUIRE(health.size() == 1);
  CHECK_FALSE(health[0].is_up);
  CHECK(health[0].why == "the disk is full");
  CHECK_FALSE(rig.keeper.is_up());
  CHECK_FALSE(rig.keeper.is_scanning());
  // The result of the step under way is void.
  rig.scan({.entries = {entry_number(3)}, .is_last = true});
  CHECK(rig.events_of<FilesFound>().empty());
  CHECK(rig.disk.scans_continued == 0);
}

TEST_CASE("a good probe after trouble sets the folder up and begins a scan") {
  KeeperRig rig;
  rig.start();
  rig.pass(5'000);
  REQUIRE(rig.disk.probes == std::vector{ProbeAfter::kHealth});
  rig.probe({.is_ok = false, .why = "no space"});
  CHECK(rig.events_of<FolderHealth>().at(0).why == "no space");
  rig.pass(5'000);
  REQUIRE(rig.disk.probes.size() == 2);
  CHECK(rig.disk.probes[1] == ProbeAfter::kTrouble);
  rig.probe();
  CHECK(rig.events_of<FolderHealth>().at(1).is_up);
  CHECK(rig.disk.scans_begun == 2);
  rig.scan({.entries = {entry_number(1)}, .is_last = true});
  CHECK(rig.events_of<FilesFound>().at(0).entries.size() == 1);
}

TEST_CASE("a scan that begins anew waits for the step of the dropped one and ignores it") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.pass(5'000);
  rig.probe({.is_ok = true, .is_new = true});
  const auto health = rig.events_of<FolderHealth>();
  REQUIRE(health.size() == 2);
  CHECK_FALSE(health[0].is_up);
  CHECK(health[1].is_up);
  CHECK(rig.disk.scans_begun == 1);
  rig.scan({.entries = {entry_number(1)}});
  CHECK(rig.events_of<FilesFound>().empty());
  CHECK(rig.disk.scans_begun == 2);
  CHECK(rig.disk.scans_continued == 0);
}

TEST_CASE("a scan that meets trouble sets the folder down and counts what it saw") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.scan({.files_seen = 7, .files_removed = 2, .trouble = "cannot read the folder"});
  CHECK_FALSE(rig.keeper.is_up());
  CHECK(rig.keeper.counts().files_scanned == 7);
  CHECK(rig.keeper.counts().files_removed == 2);
  CHECK(rig.disk.scans_continued == 0);
}

TEST_CASE("a disk that hangs in a task sets the folder down") {
  KeeperRig rig;
  rig.start();
  rig.add(unlink_number(1));
  for (uint64_t waited_ms = 0; waited_ms < limits::kFolderSilentMs; waited_ms += 5'000) {
    rig.pass(5'000);
    rig.probe();
  }
  CHECK(rig.keeper.is_up());
  rig.pass(5'000);
  CHECK_FALSE(rig.keeper.is_up());
  CHECK(rig.events_of<FolderHealth>().at(0).why == "the disk has not answered for 10 s");
  // A good probe does not set it up while the task hangs.
  rig.probe();
  CHECK_FALSE(rig.keeper.is_up());
  rig.end_task(FilesUnlinked{1});
  CHECK_FALSE(rig.keeper.is_up());
  rig.pass(5'000);
  rig.probe();
  CHECK(rig.keeper.is_up());
}

TEST_CASE("a probe that hangs sets the folder down and no second one is begun") {
  KeeperRig rig;
  rig.start();
  rig.pass(20'000);
  CHECK(rig.disk.probes.size() == 1);
  CHECK_FALSE(rig.keeper.is_up());
  rig.probe();
  CHECK(rig.keeper.is_up());
  CHECK(rig.events_of<FolderHealth>().size() == 2);
}

TEST_CASE("a folder that cannot be opened is reported down and scanned once it is up") {
  KeeperRig rig;
  rig.open({.trouble = "no space"});
  rig.keeper.start_scan(rig.now_ms);
  CHECK(rig.events.empty());
  CHECK(rig.disk.scans_begun == 0);
  rig.pass(0);
  REQUIRE(rig.events.size() == 1);
  CHECK(std::get<FolderHealth>(rig.events[0]).why == "no space");
  REQUIRE(rig.disk.probes == std::vector{ProbeAfter::kTrouble});
  rig.probe();
  CHECK(rig.keeper.is_up());
  CHECK(rig.disk.scans_begun == 1);
}

TEST_CASE("a snapshot is written turn by turn and not before the first scan") {
  KeeperRig rig;
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  const auto source = [](uint64_t cursor, size_t, std::vector<CacheEntry>& out) -> uint64_t {
    out.push_back(entry_number(static_cast<uint8_t>(cursor)));
    return cursor < 2 ? cursor + 1 : 0;
  };
  rig.keeper.save_snapshot(source);
  CHECK(rig.disk.parts.empty());
  rig.scan({.is_last = true});
  rig.keeper.save_snapshot(source);
  REQUIRE(rig.disk.parts.size() == 1);
  CHECK(rig.disk.parts[0].is_first);
  rig.keeper.save_snapshot(source);
  CHECK(rig.disk.parts.size() == 1);
  rig.keeper.on_snapshot_step({});
  rig.keeper.on_snapshot_step({});
  REQUIRE(rig.disk.parts.size() == 3);
  CHECK_FALSE(rig.disk.parts[1].is_first);
  CHECK_FALSE(rig.disk.parts[1].is_last);
  CHECK(rig.disk.parts[2].is_last);
  CHECK(rig.disk.parts[2].entries.at(0).key == key_number(2));
  CHECK(rig.keeper.is_writing_snapshot());
  rig.keeper.on_snapshot_step({});
  CHECK_FALSE(rig.keeper.is_writing_snapshot());
}

TEST_CASE("a snapshot that cannot be written is given up and trouble sets the folder down") {
  KeeperRig rig;
  rig.start();
  const auto source = [](uint64_t cursor, size_t, std::vector<CacheEntry>&) { return cursor + 1; };
  rig.keeper.save_snapshot(source);
  rig.keeper.on_snapshot_step({.is_written = false});
  CHECK_FALSE(rig.keeper.is_writing_snapshot());
  CHECK(rig.keeper.is_up());
  rig.keeper.save_snapshot(source);
  rig.keeper.on_snapshot_step({.is_written = false, .trouble = "no space"});
  CHECK(rig.disk.parts.size() == 2);
  CHECK_FALSE(rig.keeper.is_up());
  rig.keeper.save_snapshot(source);
  CHECK(rig.disk.parts.size() == 2);
}

}  // namespace daphnis::broker::test

#include <catch2/catch.hpp>

#include "tests/unit/broker/folder/keeper_rig.h"

namespace daphnis::broker::test {
namespace {

/// No probe comes in these tests.
constexpr FolderPace kPace = {
    .scrub_bytes_per_s = 1'000'000, .scrub_pause_ms = 60'000, .probe_every_ms = 1'000'000};

}  // namespace

TEST_CASE("scrubbing begins with the sample of the scan") {
  KeeperRig rig(kPace);
  rig.open();
  rig.keeper.start_scan(rig.now_ms);
  rig.pass(100);
  CHECK(rig.disk.scrubs.empty());
  rig.scan({.is_last = true, .sample = {key_number(1)}});
  rig.pass(0);
  REQUIRE(rig.disk.samples.size() == 1);
  CHECK(rig.disk.samples[0] == std::vector{key_number(1)});
  rig.scrub({});
  rig.pass(1'000);
  CHECK(rig.disk.samples.size() == 1);
  CHECK(rig.disk.scrubs.size() == 2);
}

TEST_CASE("the scrubber pauses for the bytes that it has read") {
  KeeperRig rig(kPace);
  rig.start();
  rig.pass(0);
  REQUIRE(rig.disk.scrubs.size() == 1);
  rig.scrub({.bytes_read = 500'000, .files_done = 1});
  rig.pass(500);
  CHECK(rig.disk.scrubs.size() == 1);
  rig.pass(10);  // A step costs some bytes beside those that it reads.
  CHECK(rig.disk.scrubs.size() == 2);
  CHECK(rig.keeper.counts().bytes_scrubbed == 500'000);
  CHECK(rig.keeper.counts().files_scrubbed == 1);
}

TEST_CASE("the scrubber pauses between two rounds over all files") {
  KeeperRig rig(kPace);
  rig.start();
  rig.pass(0);
  rig.scrub({.is_round_over = true});
  rig.pass(59'000);
  CHECK(rig.disk.scrubs.size() == 1);
  rig.pass(1'000);
  CHECK(rig.disk.scrubs.size() == 2);
}

TEST_CASE("a rate of 0 stops the scrubber and another rate starts it again") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(SetScrub{0});
  rig.pass(100'000);
  CHECK(rig.disk.scrubs.empty());
  rig.add(SetScrub{1'000});
  rig.pass(0);
  REQUIRE(rig.disk.scrubs.size() == 1);
  // The rate goes to 0 in the last step of a round.
  rig.add(SetScrub{0});
  rig.scrub({.is_round_over = true});
  rig.pass(100'000);
  CHECK(rig.disk.scrubs.size() == 1);
}

TEST_CASE("the scrubber's rate is set after the tasks that were given before") {
  KeeperRig rig({.scrub_bytes_per_s = 0});
  rig.start();
  rig.add(unlink_number(1));
  rig.add(SetScrub{1'000'000});
  rig.pass(1'000);
  CHECK(rig.disk.scrubs.empty());
  CHECK(rig.keeper.tasks_pending() == 2);
  rig.end_task(FilesUnlinked{1});
  CHECK(rig.keeper.tasks_pending() == 0);
  rig.pass(0);
  CHECK(rig.disk.scrubs.size() == 1);
}

TEST_CASE("a file to be proven is given to the scrubber without the pause between rounds") {
  KeeperRig rig(kPace);
  rig.start();
  rig.pass(0);
  rig.scrub({.is_round_over = true});
  rig.add(ProveFile{key_number(1)});
  rig.add(ProveFile{key_number(2)});
  rig.pass(10);
  REQUIRE(rig.disk.scrubs.size() == 2);
  CHECK(rig.disk.scrubs[1] == std::vector{key_number(1), key_number(2)});
  rig.scrub({.ended = FileProven{.key = key_number(1), .is_good = true}});
  rig.scrub({.corrupt = FileCorrupt{.key = key_number(2), .why = "damaged"}});
  CHECK(rig.events_of<FileProven>().at(0).key == key_number(1));
  CHECK(rig.events_of<FileCorrupt>().at(0).key == key_number(2));
  CHECK(rig.keeper.counts().files_corrupt == 1);
}

TEST_CASE("files to be proven are forgotten when the folder goes down") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(ProveFile{key_number(1)});
  rig.pass(0);
  REQUIRE(rig.disk.scrubs.size() == 1);
  rig.add(ProveFile{key_number(2)});
  rig.add(store_number(3));
  rig.end_task(stored_number(3, false), "no space");
  rig.add(ProveFile{key_number(4)});
  rig.scrub({});
  rig.pass(5'000);
  CHECK(rig.disk.scrubs.size() == 1);
  rig.probe();
  rig.scan({.is_last = true});
  rig.pass(5'000);
  REQUIRE(rig.disk.scrubs.size() == 2);
  CHECK(rig.disk.scrubs[1].empty());
  // The rounds begin anew, so that the scrubber forgets the keys that it had.
  CHECK(rig.disk.samples.size() == 2);
}

TEST_CASE("the unlink of files is reported when the scrubber has closed its file") {
  KeeperRig rig(kPace);
  rig.start();
  rig.pass(0);
  rig.add(unlink_number(1));
  rig.end_task(FilesUnlinked{1});
  CHECK(rig.events.empty());  // The scrubber's step is under way.
  rig.scrub({.is_open = true});
  CHECK(rig.disk.let_gos == 1);
  rig.add(unlink_number(2));
  rig.end_task(FilesUnlinked{2});
  CHECK(rig.events.empty());  // The file may not be closed yet.
  rig.let_go(FileProven{.key = key_number(1), .is_good = false});
  CHECK(rig.events_of<FileProven>().size() == 1);
  const auto unlinked = rig.events_of<FilesUnlinked>();
  REQUIRE(unlinked.size() == 2);
  CHECK(unlinked[0].deferred_free == 1);
  CHECK(unlinked[1].deferred_free == 2);
  CHECK(rig.disk.let_gos == 1);
  rig.pass(1'000);
  CHECK(rig.disk.scrubs.size() == 2);
}

TEST_CASE("a file that the scrubber keeps open is asked after at each unlink") {
  KeeperRig rig(kPace);
  rig.start();
  rig.pass(0);
  rig.scrub({.is_open = true});
  rig.add(unlink_number(1));
  rig.end_task(FilesUnlinked{1});
  CHECK(rig.disk.let_gos == 1);
  rig.let_go(std::nullopt);
  CHECK(rig.events_of<FilesUnlinked>().size() == 1);
  CHECK(rig.events_of<FileProven>().empty());
  rig.add(unlink_number(2));
  rig.end_task(FilesUnlinked{2});
  CHECK(rig.disk.let_gos == 2);
}

}  // namespace daphnis::broker::test

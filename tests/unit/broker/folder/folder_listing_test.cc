#include <catch2/catch.hpp>

#include "tests/unit/broker/folder/keeper_rig.h"

namespace daphnis::broker::test {
namespace {

constexpr FolderPace kPace{.scrub_bytes_per_s = 0, .list_bytes_per_s = 1'000'000};

ListBlocks list_number(uint8_t number) {
  return {.key = key_number(number)};
}

ListingStep listed(uint8_t number, size_t blocks, bool is_last, uint64_t bytes_read = 0) {
  return {.listed = {.key = key_number(number),
                     .blocks = std::vector<BlockKey>(blocks),
                     .is_last = is_last},
          .bytes_read = bytes_read};
}

TEST_CASE("the blocks of files are listed one file after the other, in steps") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(list_number(1));
  rig.add(list_number(2));
  CHECK(rig.keeper.tasks_pending() == 0);
  CHECK(rig.disk.rounds.empty());
  rig.pass(0);
  CHECK(rig.disk.listings == std::vector{key_number(1)});
  rig.list(listed(1, 3, false));
  rig.pass(10);
  CHECK(rig.disk.listings_continued == 1);
  rig.list(listed(1, 2, true));
  rig.pass(10);
  CHECK(rig.disk.listings == std::vector{key_number(1), key_number(2)});
  rig.list(listed(2, 0, true));
  rig.pass(10'000);
  CHECK(rig.disk.listings.size() == 2);
  const auto events = rig.events_of<BlocksListed>();
  REQUIRE(events.size() == 3);
  CHECK(events[0].blocks.size() == 3);
  CHECK_FALSE(events[0].is_last);
  CHECK(events[1].blocks.size() == 2);
  CHECK(events[1].is_last);
  CHECK(events[2].key == key_number(2));
}

TEST_CASE("listing pauses for the bytes that it has read, also where they are few") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(list_number(1));
  rig.add(list_number(2));
  rig.pass(0);
  rig.list(listed(1, 1, true, 500'000));
  rig.pass(499);
  CHECK(rig.disk.listings.size() == 1);
  rig.pass(10);
  CHECK(rig.disk.listings.size() == 2);
  const uint64_t begun = rig.now_ms;
  for (int i = 0; i < 1'000; ++i) {
    rig.list(listed(2, 1, false, 100));
    while (rig.disk.listings_continued == static_cast<size_t>(i)) rig.pass(1);
  }
  CHECK(rig.now_ms - begun >= 4'000);
  CHECK(rig.now_ms - begun <= 5'000);
}

TEST_CASE("a file is listed when the tasks before it are done") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(store_number(1));
  rig.add(list_number(1));
  rig.pass(10);
  CHECK(rig.disk.listings.empty());
  rig.end_task(stored_number(1));
  rig.pass(10);
  CHECK(rig.disk.listings.size() == 1);
}

TEST_CASE("lists of blocks are forgotten when the folder goes down") {
  KeeperRig rig(kPace);
  rig.start();
  rig.add(list_number(1));
  rig.pass(0);
  rig.add(list_number(2));
  rig.add(store_number(3));
  rig.end_task(stored_number(3, false), "no space");
  rig.add(list_number(4));
  rig.pass(5'000);
  rig.probe();
  rig.scan({.is_last = true});
  // The step of before goes on, and a file that was wanted since waits for its end.
  rig.add(list_number(5));
  rig.pass(10);
  CHECK(rig.disk.listings.size() == 1);
  rig.list(listed(1, 3, true));
  CHECK(rig.events_of<BlocksListed>().empty());
  rig.pass(10);
  CHECK(rig.disk.listings == std::vector{key_number(1), key_number(5)});
  rig.list(listed(5, 1, true));
  CHECK(rig.events_of<BlocksListed>().size() == 1);
}

}  // namespace
}  // namespace daphnis::broker::test

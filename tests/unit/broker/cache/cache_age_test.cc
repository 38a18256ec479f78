#include <vector>

#include "broker/cache/cache_snapshot.h"
#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

TEST_CASE("what nobody asked for expires", "[broker][cache]") {
  Settings settings = cache_config();
  settings.cache_expire_days = 2;
  CacheRig rig(settings);
  const uint64_t day_ms = 86'400'000;
  const uint32_t wall_s = 1'700'000'000;
  rig.broker.on_second(wall_s, rig.now_ms);
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, kMiB);
  rig.store(worker, 2, kMiB);
  rig.now_ms += day_ms;
  rig.broker.on_second(wall_s, rig.now_ms);
  rig.tell(worker, ipc::CacheHits{{{key_for(2), 1}}});
  rig.now_ms += day_ms + 60'000;
  rig.broker.on_second(wall_s, rig.now_ms);
  rig.carry_out();
  CHECK_FALSE(rig.holds(1));
  CHECK(rig.holds(2));
  CHECK(rig.broker.counters().cache_expired == 1);
}

TEST_CASE("steps of the wall clock expire nothing", "[broker][cache]") {
  Settings settings = cache_config();
  settings.cache_expire_days = 2;
  CacheRig rig(settings);
  const int64_t day_s = 86'400;
  const int64_t wall_s = 1'700'000'000;
  rig.broker.on_second(static_cast<uint32_t>(wall_s), rig.now_ms);
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, kMiB);
  for (const int64_t days : {3, -400, 4000, 0}) {
    rig.now_ms += 90'000;
    rig.broker.on_second(static_cast<uint32_t>(wall_s + days * day_s), rig.now_ms);
    rig.carry_out();
    CHECK(rig.holds(1));
  }
  CHECK(rig.broker.counters().cache_expired == 0);
}

TEST_CASE("ages go on in the next broker and stand still without one", "[broker][cache]") {
  Settings settings = cache_config();
  settings.cache_expire_days = 2;
  const uint64_t day_ms = 86'400'000;
  const uint32_t wall_s = 1'700'000'000;
  std::vector<uint8_t> snapshot;
  put_snapshot_head(snapshot);
  {
    CacheRig rig(settings);
    rig.broker.on_second(wall_s, rig.now_ms);
    const WorkerId worker = rig.connect_worker();
    rig.store(worker, 1, kMiB);
    rig.now_ms += day_ms + day_ms / 2;
    rig.broker.on_second(wall_s, rig.now_ms);
    rig.store(worker, 2, kMiB);
    std::vector<CacheEntry> entries;
    (void)rig.index().visit(0, 10, [&](const auto& entry) { entries.push_back(entry); });
    put_snapshot_frame(entries, snapshot);
    put_snapshot_end(snapshot);
  }
  const CacheSnapshot read(snapshot);
  CacheRig rig(settings);
  // The wall clock is a year ahead, and no snapshot knows the file.
  rig.broker.on_second(wall_s + 365 * 86'400, rig.now_ms);
  FilesFound found{.entries = {*read.find(key_for(1)), *read.find(key_for(2))}, .is_last = true};
  found.entries.push_back({.key = key_for(3), .root = cid_number(3), .size = kMiB});
  rig.folder(FolderHealth{.is_up = false, .why = "a new scan"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  rig.folder(found);
  const auto pass_half_a_day = [&] {
    rig.now_ms += day_ms / 2 + 60'000;
    rig.broker.on_second(wall_s, rig.now_ms);
    rig.carry_out();
  };
  CHECK(rig.holds(1));
  pass_half_a_day();
  CHECK_FALSE(rig.holds(1));
  CHECK(rig.holds(2));
  for (int i = 0; i < 3; ++i) pass_half_a_day();
  CHECK_FALSE(rig.holds(2));
  CHECK_FALSE(rig.holds(3));
  CHECK(rig.broker.counters().cache_expired == 3);
}

}  // namespace
}  // namespace daphnis::broker

#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {

TEST_CASE("spools outside the cache have a limit of their own", "[broker][cache]") {
  Settings settings = cache_config();
  settings.cache_dir.clear();
  CacheRig rig(settings);
  const WorkerId worker = rig.connect_worker();
  rig.reserve(worker, 1, 8 * kMiB, true);
  CHECK(rig.reservation(worker, 1)->bytes == 0);
  rig.reserve(worker, 2, 8 * kMiB, false);
  CHECK(rig.reservation(worker, 2)->bytes == 8 * kMiB);
  CHECK(rig.reservation(worker, 2)->place == ipc::SpoolPlace::kSpoolDir);
  rig.reserve(worker, 3, 8 * kMiB, false);
  CHECK(rig.reservation(worker, 3)->bytes == 8 * kMiB);
  rig.reserve(worker, 4, 1, false);
  CHECK(rig.reservation(worker, 4)->bytes == 0);
  CHECK(rig.broker.cache().spool_dir_bytes() == 16 * kMiB);
  rig.tell(worker, ipc::SpoolGone{2});
  CHECK(rig.broker.cache().spool_dir_bytes() == 8 * kMiB);
  rig.kill_worker(worker);
  REQUIRE(rig.tasks_of<UnlinkSpools>().size() == 1);
  CHECK(rig.tasks_of<UnlinkSpools>()[0].paths == std::vector<std::string>{"/spools/1-77-3"});
  CHECK(rig.broker.cache().spool_dir_bytes() == 8 * kMiB);
  rig.run_folder();
  CHECK(rig.broker.cache().spool_dir_bytes() == 0);
}

TEST_CASE("the spools of a worker that dies are unlinked and then free", "[broker][cache]") {
  CacheRig rig(cache_config(20 * kMiB));
  const WorkerId dying = rig.connect_worker();
  const WorkerId other = rig.connect_worker();
  rig.reserve(dying, 1, 8 * kMiB);
  rig.reserve(dying, 2, 8 * kMiB);
  rig.kill_worker(dying);
  CHECK(rig.broker.counters().spools_lost == 2);
  REQUIRE(rig.tasks_of<UnlinkSpools>().size() == 2);
  CHECK(rig.tasks_of<UnlinkSpools>()[0].paths == std::vector<std::string>{"/cache/tmp/1-77-1"});
  CHECK(rig.tasks_of<UnlinkSpools>()[1].paths == std::vector<std::string>{"/cache/tmp/1-77-2"});
  CHECK(rig.index().charged_bytes() == 16 * kMiB);
  rig.reserve(other, 1, 8 * kMiB);
  CHECK(rig.reservation(other, 1)->bytes == 0);
  rig.run_folder();
  CHECK(rig.index().charged_bytes() == 0);
  rig.reserve(other, 2, 20 * kMiB);
  CHECK(rig.reservation(other, 2)->bytes == 20 * kMiB);
}

TEST_CASE("spools that fail on their disk are counted and told now and then", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  const auto fail = [&](uint64_t spool) {
    rig.reserve(worker, spool, kMiB);
    rig.tell(worker, ipc::SpoolGone{spool, ENOSPC});
  };
  const auto lines = [&] {
    return std::ranges::count_if(
        rig.log, [](const std::string& line) { return line.find("spool_failed") != line.npos; });
  };
  rig.tell(worker, ipc::SpoolGone{1, 0});
  CHECK(lines() == 0);
  for (uint64_t spool = 2; spool < 10; ++spool) fail(spool);
  CHECK(rig.broker.counters().spools_failed == 8);
  CHECK(lines() == 1);
  CHECK(rig.log.back().find("reason=\"No space left on device\" count=1") != std::string::npos);
  rig.advance(limits::kSpoolFailuresLogMs);
  fail(10);
  CHECK(lines() == 2);
  CHECK(rig.log.back().find("count=8") != std::string::npos);
}

TEST_CASE("spools that a worker brings along are charged beyond the limit", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  const WorkerId worker = rig.connect_worker();
  rig.store(worker, 1, 6 * kMiB);
  const WorkerId veteran = rig.connect_worker();
  rig.tell(veteran,
           ipc::SpoolHeld{
               .spool = 9, .bytes = 8 * kMiB, .place = ipc::SpoolPlace::kCache, .name = "5-66-9"});
  CHECK(rig.index().reserved_bytes() == 8 * kMiB);
  rig.run_folder();
  rig.confirm_all(worker);
  rig.confirm_all(veteran);
  CHECK(rig.index().charged_bytes() == 8 * kMiB);
  rig.done(veteran, 9, 2, 7 * kMiB);
  rig.run_folder();
  CHECK(rig.holds(2));
}

TEST_CASE("reservations that make no sense end the connection", "[broker][cache]") {
  CacheRig rig(cache_config(10 * kMiB));
  const WorkerId worker = rig.connect_worker();
  SECTION("of nothing") {
    rig.reserve(worker, 1, 0);
  }
  SECTION("before the last was answered") {
    rig.store(worker, 1, 6 * kMiB);
    rig.reserve(worker, 2, 8 * kMiB);
    rig.reserve(worker, 2, 8 * kMiB);
  }
  CHECK(rig.workers[worker].is_closed);
  rig.run_folder();
  CHECK(rig.index().reserved_bytes() == 0);
}

}  // namespace daphnis::broker

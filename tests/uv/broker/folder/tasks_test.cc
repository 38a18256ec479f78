#include <catch2/catch.hpp>
#include <fstream>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

TEST_CASE("a proven file gets its name and an evicted one loses it") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  const FileStored event = rig.stored(file);
  INFO(event.why);
  CHECK(event.is_stored);
  CHECK(event.key == file.key);
  CHECK(rig.has(file));
  CHECK(rig.files_in("tmp") == 0);
  rig.unlink(file.key, 77);
  rig.until([&] { return !rig.deferred_frees.empty(); });
  CHECK(rig.deferred_frees == std::vector<uint64_t>{77});
  CHECK_FALSE(rig.has(file));
}

TEST_CASE("tasks are carried out in the order they are given") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  for (uint64_t round = 1; round <= 200; ++round) {
    rig.unlink(file.key, round);
    rig.store(file, round);
  }
  CHECK(rig.stored_events.empty());  // No event comes from within add().
  rig.until_idle();
  CHECK(rig.has(file));
  CHECK(rig.stored_events.size() == 200);
  CHECK(std::ranges::all_of(rig.stored_events, &FileStored::is_stored));
  CHECK(std::ranges::is_sorted(rig.deferred_frees));
}

TEST_CASE("what is not there counts as unlinked however many it are") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  UnlinkFiles many{.deferred_free = 5, .keys = {}};
  for (uint32_t i = 0; i < 3000; ++i) {
    RequestKey key{};
    key[0] = static_cast<uint8_t>(i);
    key[1] = static_cast<uint8_t>(i >> 8);
    many.keys.push_back(key);
  }
  rig.folder->add(std::move(many));
  rig.until_idle();
  CHECK(rig.deferred_frees == std::vector<uint64_t>{5});
  CHECK(rig.health.empty());
}

TEST_CASE("a file that is not what its writer says is refused and removed") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile good = cached_dag(1);
  const auto refused = [&](CachedFile file, uint64_t size_told, uint64_t number) {
    const std::string name = "0-" + std::to_string(::getpid()) + "-" + std::to_string(number);
    write_file(rig.settings.dir + "/tmp/" + name, file.bytes);
    rig.folder->add(StoreFile{{WorkerId{1}, number}, name, file.key, size_told});
    rig.until_idle();
    CHECK_FALSE(rig.stored_events.back().is_stored);
    CHECK_FALSE(rig.stored_events.back().why.empty());
    CHECK_FALSE(rig.has(file));
    CHECK(rig.files_in("tmp") == 0);
  };
  refused(good, good.bytes.size() + 1, 1);
  CachedFile torn = good;
  torn.bytes.resize(torn.bytes.size() - 1);
  refused(torn, torn.bytes.size(), 2);
  CachedFile tiny = good;
  tiny.bytes.resize(3);
  refused(tiny, 3, 3);
  rig.folder->add(StoreFile{{WorkerId{1}, 4}, "0-1-4", good.key, 100});
  rig.folder->add(StoreFile{{WorkerId{1}, 5}, "../objects/00/x", good.key, 100});
  rig.until_idle();
  CHECK(rig.stored_events.size() == 5);
  CHECK_FALSE(rig.stored_events[3].is_stored);
  CHECK_FALSE(rig.stored_events[4].is_stored);
  CHECK(rig.health.empty());  // A fault of one file is no trouble of the folder.
}

TEST_CASE("spools are unlinked only in the two folders that hold spools") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const std::string in_tmp = rig.settings.dir + "/tmp/0-1-1";
  const std::string in_spool = rig.settings.spool_dir + "/0-1-2";
  const std::string elsewhere = temp.path + "/precious";
  const std::string object = rig.settings.dir + "/tmp/../lock";
  for (const auto& path : {in_tmp, in_spool, elsewhere}) write_file(path, as_bytes("x"));
  rig.folder->add(UnlinkSpools{.paths = {in_tmp, in_spool, elsewhere, object, "0-1-1", ""},
                               .deferred_free = 5});
  rig.folder->add(UnlinkSpools{.paths = {in_tmp}});
  rig.until_idle();
  CHECK(rig.deferred_frees == std::vector<uint64_t>{5});
  CHECK_FALSE(std::filesystem::exists(in_tmp));
  CHECK_FALSE(std::filesystem::exists(in_spool));
  CHECK(std::filesystem::exists(elsewhere));
  CHECK(std::filesystem::exists(rig.settings.dir + "/lock"));
}

TEST_CASE("quarantine keeps the newest few and never serves them") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  for (size_t round = 0; round < limits::kQuarantineFilesMax + 5; ++round) {
    REQUIRE(rig.stored(file).is_stored);
    rig.folder->add(Quarantine{file.key, "rotten"});
    rig.until_idle();
    CHECK_FALSE(rig.has(file));
  }
  CHECK(rig.files_in("quarantine") == limits::kQuarantineFilesMax);
  const std::string hex = cache_file_name(file.key).substr(3);
  CHECK_FALSE(std::filesystem::exists(rig.settings.dir + "/quarantine/" + hex + ".5"));
  CHECK(std::filesystem::exists(rig.settings.dir + "/quarantine/" + hex + ".69"));
  rig.folder->add(Quarantine{cached_dag(2).key, "not there"});
  rig.until_idle();
  CHECK(rig.health.empty());
}

TEST_CASE("a huge damaged file is not kept in quarantine") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  REQUIRE(rig.stored(file).is_stored);
  std::filesystem::resize_file(rig.object(file), limits::kQuarantineBytesMax + 1);
  rig.folder->add(Quarantine{file.key, "huge"});
  rig.until_idle();
  CHECK_FALSE(rig.has(file));
  CHECK(rig.files_in("quarantine") == 0);
}

TEST_CASE("without a cache spools are unlinked all the same") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.settings.dir.clear();
  rig.folder = std::make_unique<CacheFolder>(rig.loop, rig.settings, [](FolderEvent) {});
  REQUIRE(rig.open());
  rig.folder->start_scan();
  const std::string spool = rig.settings.spool_dir + "/0-1-2";
  write_file(spool, as_bytes("x"));
  rig.folder->add(UnlinkSpools{.paths = {spool}});
  rig.until_idle();
  CHECK_FALSE(std::filesystem::exists(spool));
  CHECK(rig.folder->write_snapshot(rig.source()));
}

}  // namespace
}  // namespace daphnis::broker::uv::test

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <map>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

/// Maps each key to (root, size), on which all scans must agree.
std::map<RequestKey, std::pair<std::string, uint64_t>> books_of(const Rig& rig) {
  std::map<RequestKey, std::pair<std::string, uint64_t>> books;
  for (const auto& entry : rig.found) books[entry.key] = {entry.root.text(), entry.size};
  CHECK(books.size() == rig.found.size());
  return books;
}

/// A pid that no process has.
pid_t dead_pid() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

void make_old(const std::string& path, int seconds) {
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

TEST_CASE("a scan finds the same with a snapshot and with none and with a damaged one") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  CHECK(rig.found.empty());
  constexpr uint32_t kFiles = 3000;
  std::vector<CachedFile> files;
  for (uint32_t i = 0; i < kFiles; ++i) {
    files.push_back(cached_dag(i, 1, 50 + i % 70));
    write_file(rig.object(files.back()), files.back().bytes);
  }
  rig.restart();
  const auto books = books_of(rig);
  REQUIRE(books.size() == kFiles);
  for (const CachedFile& file : files) {
    const auto entry = rig.found_entry(file.key);
    REQUIRE(entry);
    CHECK(entry->root == file.root);
    CHECK(entry->size == file.bytes.size());
    CHECK(entry->stored_s > 1'600'000'000);
  }
  for (auto& entry : rig.found) entry.hits = 7;
  REQUIRE(rig.folder->write_snapshot(rig.source()));

  rig.restart();
  CHECK(books_of(rig) == books);
  CHECK(std::ranges::all_of(rig.found, [](const auto& entry) { return entry.hits == 7; }));

  const std::string index = rig.settings.dir + "/index";
  rot(index, std::filesystem::file_size(index) / 2);
  rig.restart();
  CHECK(books_of(rig) == books);
  CHECK(std::ranges::any_of(rig.found, [](const auto& entry) { return entry.hits == 0; }));
  CHECK(std::ranges::any_of(rig.found, [](const auto& entry) { return entry.hits == 7; }));

  std::filesystem::resize_file(index, 100);
  rig.restart();
  CHECK(books_of(rig) == books);

  std::filesystem::remove(index);
  rig.restart();
  CHECK(books_of(rig) == books);
  CHECK(rig.health.empty());
}

TEST_CASE("a snapshot of another time harms nothing") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile kept = cached_dag(1);
  const CachedFile gone = cached_dag(2);
  const CachedFile newer = cached_dag(3);
  const CachedFile resized = cached_dag(4);
  for (const auto& file : {kept, gone, resized}) REQUIRE(rig.stored(file).is_stored);
  rig.restart();
  REQUIRE(rig.found.size() == 3);
  REQUIRE(rig.folder->write_snapshot(rig.source()));
  std::filesystem::remove(rig.object(gone));
  std::filesystem::resize_file(rig.object(resized), resized.bytes.size() - 1);
  REQUIRE(rig.stored(newer).is_stored);
  rig.restart();
  CHECK(rig.found.size() == 2);
  CHECK(rig.found_entry(kept.key));
  CHECK(rig.found_entry(newer.key));
  CHECK_FALSE(rig.has(resized));
}

TEST_CASE("a snapshot is also written in the background") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  for (uint32_t i = 0; i < 100; ++i) {
    const CachedFile file = cached_dag(i);
    write_file(rig.object(file), file.bytes);
  }
  rig.restart();
  std::vector<CacheEntry> many;
  for (int copy = 0; copy < 100; ++copy) {
    many.insert(many.end(), rig.found.begin(), rig.found.end());
  }
  rig.found = std::move(many);  // 10,000 rows: several turns.
  rig.folder->save_snapshot(rig.source());
  CHECK(rig.folder->is_writing_snapshot());
  rig.until([&] { return !rig.folder->is_writing_snapshot(); });
  CHECK(std::filesystem::file_size(rig.settings.dir + "/index") > 10'000 * 80);
  rig.restart();
  CHECK(rig.found.size() == 100);
}

TEST_CASE("whatever is no valid cache file is removed and counted") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile good = cached_dag(1);
  REQUIRE(rig.stored(good).is_stored);
  const std::string objects = rig.settings.dir + "/objects/";
  CachedFile torn = cached_dag(2);
  torn.bytes.resize(torn.bytes.size() / 2);
  write_file(rig.object(torn), torn.bytes);
  CachedFile empty = cached_dag(3);
  write_file(rig.object(empty), {});
  CachedFile other = cached_dag(4);
  write_file(rig.object(other), good.bytes);  // The file is another request's.
  write_file(objects + "00/readme", as_bytes("hello"));
  const std::string hex = cache_file_name(good.key).substr(3);
  const std::string wrong = hex.substr(0, 2) == "00" ? "01" : "00";
  write_file(objects + wrong + "/" + hex, good.bytes);  // The file is in the folder of another key.
  std::filesystem::create_symlink(rig.object(good), objects + "aa/link");
  std::filesystem::create_directory(objects + "bb/folder");
  REQUIRE(::mkfifo((objects + "cc/pipe").c_str(), 0600) == 0);  // Opening it must not block.
  rig.restart();
  CHECK(rig.found.size() == 1);
  CHECK(rig.found_entry(good.key));
  CHECK(rig.folder->counts().files_removed == 8);
  size_t left = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(objects)) {
    left += entry.is_directory() ? 0 : 1;
  }
  CHECK(left == 1);
}

TEST_CASE("strays of dead workers go and a living worker keeps its own") {
  const TempFolder temp;
  Rig rig(temp.path);
  std::filesystem::create_directories(rig.settings.dir + "/tmp");
  std::filesystem::create_directories(rig.settings.spool_dir);
  const std::string dead = std::to_string(dead_pid());
  const std::string alive = std::to_string(::getpid());
  const std::string tmp = rig.settings.dir + "/tmp/";
  const std::string spool = rig.settings.spool_dir + "/";
  for (const auto& folder : {tmp, spool}) {
    for (const auto& name : {"0-" + dead + "-1", "3-" + alive + "-9", std::string("stray")}) {
      write_file(folder + name, as_bytes("x"));
    }
    // This process has the pid by now.
    write_file(folder + "1-" + alive + "-1", as_bytes("x"));
    make_old(folder + "1-" + alive + "-1", 3600);
  }
  rig.start();
  for (const auto& folder : {tmp, spool}) {
    CHECK(std::filesystem::exists(folder + "3-" + alive + "-9"));
    CHECK_FALSE(std::filesystem::exists(folder + "0-" + dead + "-1"));
    CHECK_FALSE(std::filesystem::exists(folder + "stray"));
    CHECK_FALSE(std::filesystem::exists(folder + "1-" + alive + "-1"));
  }
  CHECK(rig.folder->counts().strays_removed == 6);
  // Later sweeps remove later strays.
  write_file(tmp + "0-" + dead + "-2", as_bytes("x"));
  rig.until([&] { return !std::filesystem::exists(tmp + "0-" + dead + "-2"); });
  CHECK(std::filesystem::exists(tmp + "3-" + alive + "-9"));
}

TEST_CASE("a clock that was put forward makes no stray of what a living worker writes") {
  const TempFolder temp;
  Rig rig(temp.path);
  std::filesystem::create_directories(rig.settings.dir + "/tmp");
  const std::string path = rig.settings.dir + "/tmp/3-" + std::to_string(::getpid()) + "-9";
  write_file(path, as_bytes("x"));
  make_old(path, 3 * 86'400);
  {
    const std::ifstream open(path);
    rig.start();
    CHECK(std::filesystem::exists(path));
  }
  rig.restart();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a file that is evicted while the scan runs is not told as found afterwards") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  std::vector<CachedFile> files;
  for (uint32_t i = 0; i < 2500; ++i) {
    files.push_back(cached_dag(i, 1, 10));
    write_file(rig.object(files.back()), files.back().bytes);
  }
  rig.stop();
  Rig other(temp.path);
  REQUIRE(other.open());
  other.folder->start_scan();
  UnlinkFiles evicted{.deferred_free = 9, .keys = {}};
  for (const auto& file : files) evicted.keys.push_back(file.key);
  const RequestKey again = files[17].key;
  other.folder->add(std::move(evicted));
  other.store(files[17]);
  other.until([&] { return other.scans > 0 && !other.stored_events.empty(); });
  for (const auto& entry : other.found) CHECK(entry.key == again);
  CHECK(other.has(files[17]));
}

TEST_CASE("files that were renamed and are not in the snapshot are found") {
  const TempFolder temp;
  const CachedFile before = cached_dag(1);
  const CachedFile after = cached_dag(2);
  {
    Rig rig(temp.path);
    rig.start();
    REQUIRE(rig.stored(before).is_stored);
    rig.found.push_back({.key = before.key, .root = before.root, .size = before.bytes.size()});
    REQUIRE(rig.folder->write_snapshot(rig.source()));
    REQUIRE(rig.stored(after).is_stored);
    // The folder ends without another snapshot, as by a kill.
  }
  write_file(temp.path + "/cache/index.stop", as_bytes("half a snapshot"));
  Rig rig(temp.path);
  rig.start();
  CHECK(rig.found_entry(before.key));
  CHECK(rig.found_entry(after.key));
}

}  // namespace
}  // namespace daphnis::broker::uv::test

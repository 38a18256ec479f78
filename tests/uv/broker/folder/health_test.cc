#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

void until_down(Rig& rig) {
  rig.until([&] { return !rig.health.empty() && !rig.health.back().is_up; });
  CHECK_FALSE(rig.health.back().why.empty());
}

/// True where the folder is up again and the scan that follows is over.
void until_up(Rig& rig) {
  const size_t scans = rig.scans;
  rig.until([&] { return !rig.health.empty() && rig.health.back().is_up && rig.scans > scans; });
}

void fill(const SmallDisk& disk) {
  std::ofstream hog(disk.path + "/hog", std::ios::binary);
  const std::vector<char> block(64 * 1024);
  while (hog.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("a second edge is refused and told who has the folder") {
  const TempFolder temp;
  Rig first(temp.path);
  first.start();
  {
    Rig second(temp.path);
    const auto opened = second.open();
    REQUIRE_FALSE(opened);
    const std::string text = opened.error().text();
    CHECK(text.find("process " + std::to_string(::getpid())) != std::string::npos);
    CHECK(text.find("--cache-dir") != std::string::npos);
    CHECK(text.find(first.settings.dir + "/lock") != std::string::npos);
  }
  REQUIRE(first.stored(cached_dag(1)).is_stored);
  first.stop();
  Rig third(temp.path);
  CHECK(third.open());
}

TEST_CASE("a place that can be no cache is refused at the start") {
  const TempFolder temp;
  write_file(temp.path + "/cache", as_bytes("a file"));
  Rig rig(temp.path);
  CHECK_FALSE(rig.open());
}

TEST_CASE("a spool folder of somebody else is refused") {
  const TempFolder temp;
  std::filesystem::create_directory_symlink("/tmp", temp.path + "/spool");
  Rig rig(temp.path);
  const auto opened = rig.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().text().find("--spool-dir") != std::string::npos);
}

TEST_CASE("a cache folder that is not ours alone is refused and nothing is made in it") {
  const TempFolder temp;
  Rig rig(temp.path);
  const std::string dir = rig.settings.dir;
  std::filesystem::create_directory(dir);
  REQUIRE(::chown(dir.c_str(), 65534, 65534) == 0);
  const auto theirs = rig.open();
  REQUIRE_FALSE(theirs);
  CHECK(theirs.error().text().find("belongs to user 65534") != std::string::npos);
  REQUIRE(::chown(dir.c_str(), 0, 0) == 0);
  std::filesystem::permissions(dir, std::filesystem::perms(0775));
  const auto open = rig.open();
  REQUIRE_FALSE(open);
  CHECK(open.error().text().find("chmod go-w " + dir) != std::string::npos);
  CHECK(std::filesystem::is_empty(dir));
  std::filesystem::permissions(dir, std::filesystem::perms(0750));
  CHECK(rig.open());
}

TEST_CASE("links that somebody planted in the cache folder are not followed") {
  const TempFolder temp;
  const std::string elsewhere = temp.path + "/elsewhere";
  std::filesystem::create_directory(elsewhere);
  write_file(elsewhere + "/victim", as_bytes("precious"));
  {
    Rig rig(temp.path);
    rig.start();
    REQUIRE(rig.stored(cached_dag(1)).is_stored);
    rig.stop();
  }
  const std::string dir = temp.path + "/cache";
  for (const char* name : {"/index.new", "/index.stop", "/tmp/probe"}) {
    std::filesystem::create_symlink(elsewhere + "/victim", dir + name);
  }
  {
    Rig rig(temp.path);
    rig.start();
    REQUIRE(rig.stored(cached_dag(2)).is_stored);
    CHECK(rig.folder->write_snapshot(rig.source()));
    rig.folder->save_snapshot(rig.source());
    rig.until([&] { return !rig.folder->is_writing_snapshot(); });
    CHECK(rig.folder->is_up());
  }
  CHECK(text_of(elsewhere + "/victim") == "precious");
  for (const char* name : {"/objects/aa", "/tmp", "/quarantine"}) {
    std::filesystem::remove_all(dir + name);
    std::filesystem::create_directory_symlink(elsewhere, dir + name);
    Rig rig(temp.path);
    CHECK_FALSE(rig.open());
    std::filesystem::remove(dir + name);
  }
}

TEST_CASE("a full disk is told once and recovery needs no restart") {
  SmallDisk disk("size=4m");
  Rig rig(disk.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  REQUIRE(rig.stored(file).is_stored);
  // A probe under way would free a page after the disk is full.
  rig.until_pool_idle();
  fill(disk);
  until_down(rig);
  rig.for_ms(200);
  CHECK(rig.health.size() == 1);
  // Files that are there stay, and evicted ones are unlinked.
  CHECK(rig.has(file));
  rig.unlink(cached_dag(2).key, 3);
  rig.until_idle();
  CHECK(rig.deferred_frees == std::vector<uint64_t>{3});
  std::filesystem::remove(disk.path + "/hog");
  until_up(rig);
  CHECK(rig.health.size() == 2);
  CHECK(rig.found_entry(file.key));
  CHECK(rig.stored(cached_dag(2)).is_stored);
  CHECK(rig.files_in("tmp") == 0);
}

TEST_CASE("a folder that is full at the start comes up all the same") {
  SmallDisk disk("size=4m");
  {
    Rig rig(disk.path);
    rig.start();
    REQUIRE(rig.stored(cached_dag(1)).is_stored);
    rig.stop();
  }
  fill(disk);
  Rig rig(disk.path);
  REQUIRE(rig.open());
  rig.folder->start_scan();
  until_down(rig);
  std::filesystem::remove(disk.path + "/hog");
  until_up(rig);
  CHECK(rig.found_entry(cached_dag(1).key));
}

TEST_CASE("a read only disk is told and recovery needs no restart") {
  SmallDisk disk("size=16m");
  Rig rig(disk.path);
  rig.start();
  REQUIRE(rig.stored(cached_dag(1)).is_stored);
  rig.until_pool_idle();
  disk.remount("ro");
  rig.unlink(cached_dag(1).key, 1);
  until_down(rig);
  rig.for_ms(100);
  CHECK(rig.health.size() == 1);
  disk.remount("rw");
  until_up(rig);
  CHECK(rig.stored(cached_dag(2)).is_stored);
}

TEST_CASE("a disk that is read only at the start comes up when it can be written") {
  SmallDisk disk("size=16m");
  {
    Rig rig(disk.path);
    rig.start();
    REQUIRE(rig.stored(cached_dag(1)).is_stored);
    rig.stop();
  }
  disk.remount("ro");
  Rig rig(disk.path);
  REQUIRE(rig.open());
  rig.folder->start_scan();
  until_down(rig);
  disk.remount("rw");
  until_up(rig);
  CHECK(rig.found_entry(cached_dag(1).key));
  Rig second(disk.path);
  CHECK_FALSE(second.open());  // The first folder has taken the lock, if late.
}

TEST_CASE("a disk out of inodes is told and recovery needs no restart") {
  SmallDisk disk("size=16m,nr_inodes=400");
  Rig rig(disk.path);
  rig.start();
  REQUIRE(rig.stored(cached_dag(1)).is_stored);
  rig.until_pool_idle();
  std::filesystem::create_directory(disk.path + "/hog");
  for (int i = 0;; ++i) {
    if (!std::ofstream(disk.path + "/hog/" + std::to_string(i))) break;
  }
  until_down(rig);
  rig.for_ms(100);
  CHECK(rig.health.size() == 1);
  std::filesystem::remove_all(disk.path + "/hog");
  until_up(rig);
  CHECK(rig.found_entry(cached_dag(1).key));
}

TEST_CASE("a folder that is deleted is made anew and locked anew") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  REQUIRE(rig.stored(cached_dag(1)).is_stored);
  rig.until_pool_idle();
  std::filesystem::remove_all(rig.settings.dir);
  until_up(rig);
  CHECK(rig.health.size() >= 2);
  CHECK(rig.found.empty());
  CHECK(rig.stored(cached_dag(2)).is_stored);
  Rig second(temp.path);
  CHECK_FALSE(second.open());
}

TEST_CASE("one folder of objects that is deleted is made anew") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1);
  rig.until_pool_idle();
  std::filesystem::remove_all(std::filesystem::path(rig.object(file)).parent_path());
  CHECK_FALSE(rig.stored(file).is_stored);
  until_up(rig);
  CHECK(rig.stored(file).is_stored);
}

TEST_CASE("a folder that another edge took meanwhile is left to it") {
  const TempFolder temp;
  Rig first(temp.path);
  first.settings.pace.probe_every_ms = 200;
  first.restart();
  first.until_pool_idle();
  std::filesystem::remove_all(first.settings.dir);
  Rig second(temp.path);
  second.start();
  until_down(first);
  first.for_ms(500);
  CHECK_FALSE(first.folder->is_up());
  second.stop();
  until_up(first);
}

TEST_CASE("out of descriptors is told and no file is lost by it") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  for (uint32_t i = 0; i < 50; ++i) REQUIRE(rig.stored(cached_dag(i)).is_stored);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  rig.folder->start_scan();
  rig.until([&] { return !rig.health.empty(); });
  const bool was_up = rig.health.back().is_up;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(was_up);
  until_up(rig);
  CHECK(rig.found.size() == 50);
  CHECK(rig.folder->counts().files_removed == 0);
}

}  // namespace
}  // namespace daphnis::broker::uv::test

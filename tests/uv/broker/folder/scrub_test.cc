#include <catch2/catch.hpp>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

constexpr uint64_t kFast = 1 * limits::kGiB;

TEST_CASE("bit rot anywhere in a file is found by the scrub") {
  const TempFolder temp;
  Rig rig(temp.path, kFast);
  rig.start();
  const CachedFile good = cached_dag(1, 4, 100'000);
  const CachedFile bad = cached_dag(2, 4, 900'000);  // It takes several steps.
  REQUIRE(rig.stored(good).is_stored);
  REQUIRE(rig.stored(bad).is_stored);
  rig.until([&] { return rig.folder->counts().files_scrubbed >= 4; });
  CHECK(rig.corrupt.empty());
  const uint64_t at = GENERATE_COPY(uint64_t{3}, bad.body_bytes / 2, bad.body_bytes - 1,
                                    bad.body_bytes + 5, bad.bytes.size() - 10);
  rot(rig.object(bad), at);
  rig.until([&] { return !rig.corrupt.empty(); });
  CHECK(rig.corrupt.front().key == bad.key);
  CHECK_FALSE(rig.corrupt.front().why.empty());
  rig.folder->add(Quarantine{bad.key, rig.corrupt.front().why});
  rig.until_idle();
  rig.corrupt.clear();
  CHECK_FALSE(rig.has(bad));
  CHECK(rig.files_in("quarantine") == 1);
  const uint64_t so_far = rig.folder->counts().files_scrubbed;
  rig.until([&] { return rig.folder->counts().files_scrubbed > so_far + 3; });
  CHECK(rig.corrupt.empty());
}

TEST_CASE("the scrubber keeps to its budget and can be switched off and on") {
  const TempFolder temp;
  Rig rig(temp.path, 0);
  rig.start();
  for (uint32_t i = 0; i < 4; ++i) REQUIRE(rig.stored(cached_dag(i, 4, 250'000)).is_stored);
  rig.for_ms(60);
  CHECK(rig.folder->counts().bytes_scrubbed == 0);
  rig.folder->add(SetScrub{4 * limits::kMiB});
  const uint64_t begun = rig.loop.now_ms();
  rig.until([&] { return rig.folder->counts().bytes_scrubbed >= 4'000'000; });
  const uint64_t took = rig.loop.now_ms() - begun;
  CHECK(took >= 650);  // 4 MB at 4 MiB a second, without the pause after the last step.
  rig.folder->add(SetScrub{0});
  rig.until_idle();
  rig.for_ms(30);
  const uint64_t so_far = rig.folder->counts().bytes_scrubbed;
  rig.for_ms(60);
  CHECK(rig.folder->counts().bytes_scrubbed == so_far);
}

TEST_CASE("the youngest files are verified first after a start") {
  const TempFolder temp;
  {
    Rig rig(temp.path);
    rig.start();
    for (uint32_t i = 0; i < 300; ++i) {
      const CachedFile file = cached_dag(i);
      write_file(rig.object(file), file.bytes);
      std::filesystem::last_write_time(
          rig.object(file), std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
    }
    const CachedFile young = cached_dag(1000);
    write_file(rig.object(young), young.bytes);
    rot(rig.object(young), 200);
  }
  Rig rig(temp.path, kFast);
  rig.start();
  rig.until([&] { return !rig.corrupt.empty(); });
  CHECK(rig.corrupt.front().key == cached_dag(1000).key);
  CHECK(rig.folder->counts().files_scrubbed <= limits::kScrubSampleFiles);
}

TEST_CASE("a file that is wanted is proven before all others and its end is told") {
  const TempFolder temp;
  Rig rig(temp.path);  // Nothing is scrubbed yet.
  rig.start();
  constexpr uint32_t kFiles = 200;
  std::vector<CachedFile> files;
  for (uint32_t i = 0; i < kFiles; ++i) {
    files.push_back(cached_dag(i));
    REQUIRE(rig.stored(files.back()).is_stored);
  }
  const CachedFile& rotten = files[kFiles / 2];
  const CachedFile old = in_version_1(files[7]);
  write_file(rig.object(old), old.bytes);
  rot(rig.object(rotten), rotten.body_bytes / 2);
  rig.folder->add(ProveFile{old.key});
  rig.folder->add(ProveFile{rotten.key});
  rig.folder->add(ProveFile{cached_dag(kFiles).key});
  rig.folder->add(SetScrub{kFast});
  rig.until([&] { return rig.proven.size() >= 2; });
  REQUIRE(rig.corrupt.size() == 1);
  CHECK(rig.corrupt.front().key == rotten.key);
  CHECK(rig.proven[0].key == old.key);
  CHECK(rig.proven[0].is_good);
  CHECK(rig.proven[1].key == cached_dag(kFiles).key);
  CHECK_FALSE(rig.proven[1].is_good);
  // The scrubber's rounds report the end of each file, too.
  rig.until([&] { return rig.proven.size() > kFiles; });
}

TEST_CASE("what is unlinked is told of when the scrubber has closed it") {
  const TempFolder temp;
  Rig rig(temp.path, limits::kMiB);
  rig.start();
  const CachedFile file =
      cached_dag(1, 4, 900'000);  // It takes several steps with pauses between them.
  REQUIRE(rig.stored(file).is_stored);
  rig.until([&] { return rig.folder->counts().bytes_scrubbed > 0; });
  REQUIRE(rig.folder->counts().files_scrubbed == 0);
  rig.folder->add(UnlinkFiles{.deferred_free = 7, .keys = {file.key}});
  rig.until([&] { return !rig.deferred_frees.empty(); });
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error);
    CHECK_FALSE(target.starts_with(rig.object(file)));
  }
  REQUIRE(rig.proven.size() == 1);
  CHECK(rig.proven.front().key == file.key);
  CHECK_FALSE(rig.proven.front().is_good);
  const CachedFile next = cached_dag(2);
  REQUIRE(rig.stored(next).is_stored);
  rig.until([&] { return rig.folder->counts().files_scrubbed > 0; });
  CHECK(rig.corrupt.empty());
}

TEST_CASE("files that come and go under the scrubber are no fault") {
  const TempFolder temp;
  Rig rig(temp.path, kFast);
  rig.settings.pace.scrub_pause_ms = 0;
  rig.restart();
  for (uint32_t round = 0; round < 300; ++round) {
    const CachedFile file = cached_dag(round % 7, 3, 30'000);
    REQUIRE(rig.stored(file).is_stored);
    if (round % 2 == 0) rig.unlink(file.key, round + 1);
  }
  rig.until_idle();
  rig.for_ms(20);
  CHECK(rig.corrupt.empty());
  CHECK(rig.folder->counts().files_scrubbed > 10);
}

}  // namespace
}  // namespace daphnis::broker::uv::test

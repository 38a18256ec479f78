#include "worker/uv/cache_folder_reads.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "common/ipld/hashes.h"
#include "common/uv/fd.h"
#include "tests/fakes/cached_files.h"
#include "tests/uv/worker/cool.h"

namespace daphnis::worker::uv {
namespace {

namespace fs = std::filesystem;
using Outcome = CacheLook::Outcome;

/// A cache's folder on a disk, and its reader.
struct Folder {
  explicit Folder(bool checks = false) : verifies(checks) {
    fs::remove_all(path);
    fs::create_directories(path / "objects");
    reads.set_folder(path.string(), "");
  }
  ~Folder() { fs::remove_all(path); }

  [[nodiscard]] static CarRequest request() {
    Hasher hasher;
    return {.root = *hasher.cid_of(codec::kRaw, hash::kSha2_256, as_bytes("root"))};
  }
  [[nodiscard]] fs::path file() const { return path / "objects" / cache_file_name(key); }
  void store(const std::string& body) {
    CacheTrailerWriter writer;
    writer.add_block(request().root, 3, 4);
    writer.add_body(as_bytes(body));
    const std::vector<uint8_t> trailer = std::move(writer).finish(request());
    write(body + std::string(as_text(trailer)));
  }
  void rot(size_t at) const {
    std::fstream bytes(file(), std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(bytes.get() ^ 0x20);
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put(byte);
  }
  /// Reads a part of an open file, within the call or later.
  CacheRead read(const CacheLook& look, uint64_t offset, size_t size) {
    CacheRead out;
    if (reads.read(look.file.file, offset, size, CacheQueryId{9}, out) == CacheReads::When::kNow)
      return out;
    return wait_for_read();
  }
  void write(const std::string& bytes) const {
    fs::create_directories(file().parent_path());
    std::ofstream(file(), std::ios::binary) << bytes;
  }
  [[nodiscard]] Result<CacheFooter> footer() const {
    std::ifstream in(file(), std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    return read_cache_footer(as_bytes(all).last(kCacheFooterBytes), all.size());
  }
  void cool() const {
    const daphnis::uv::UniqueFd fd(::open(file().c_str(), O_RDONLY | O_CLOEXEC));
    uv::cool(fd.get());
  }
  /// Looks a key up, within the call or later.
  CacheLook look() {
    CacheLook out;
    was_later = reads.look_up(key, next, CacheQueryId{7}, out) == CacheReads::When::kLater;
    if (!was_later) return out;
    late.reset();
    while (!late && loop.run_once()) {
    }
    REQUIRE(late);
    return std::move(*late);
  }
  CacheRead wait_for_read() {
    while (!late_read && loop.run_once()) {
    }
    REQUIRE(late_read);
    return std::move(*std::exchange(late_read, std::nullopt));
  }

  bool verifies;
  fs::path path = fs::current_path() / fmt::format("cache_folder_reads_test.{}.tmp", ::getpid());
  RequestKey key = key_of(request());
  std::vector<RequestKey> next;
  daphnis::uv::Loop loop;
  std::optional<CacheLook> late;
  std::optional<CacheRead> late_read;
  bool was_later = false;
  CacheFolderReads reads{
      loop,
      {.on_look = [this](CacheQueryId, CacheLook look) { late = std::move(look); },
       .on_read = [this](CacheQueryId, CacheRead read) { late_read = std::move(read); }},
      verifies};
};

constexpr int kTriesMax = 100;
const std::string kLarge(limits::kOpenFileBodyBytesMax + 1, 'x');

}  // namespace

TEST_CASE("a small cached file comes into memory and a large one stays open") {
  Folder folder;
  folder.store("0123456789");
  const CacheLook small = folder.look();
  REQUIRE(small.outcome == Outcome::kFound);
  CHECK(as_text(small.file.body.bytes()) == "0123456789");
  CHECK_FALSE(small.file.file);
  CHECK(small.file.stored_s > 1'600'000'000);

  folder.store(kLarge);
  const CacheLook large = folder.look();
  REQUIRE(large.outcome == Outcome::kFound);
  CHECK(large.file.file);
  CHECK(large.file.body.size == 0);
  CHECK(large.file.footer.body_bytes == kLarge.size());
  // The file was just written, so it is in memory, and so is its name.
  CHECK_FALSE(folder.was_later);
}

TEST_CASE("a cached file that is not in memory is read by the thread pool") {
  Folder folder;
  folder.store("0123456789");
  CacheLook look;
  // The look-up begins to bring the file into memory, and a disk that is as quick makes another try
  // necessary.
  for (int tries = 0; !folder.was_later && tries < kTriesMax; ++tries) {
    folder.cool();
    look = folder.look();
  }
  CHECK(folder.was_later);
  CHECK(look.outcome == Outcome::kFound);
  CHECK(as_text(look.file.body.bytes()) == "0123456789");
}

TEST_CASE("a file that is not there is missing and no fault") {
  Folder folder;
  CHECK(folder.look().outcome == Outcome::kMissing);
  folder.reads.set_folder("/nonexistent", "");
  CHECK(folder.look().outcome == Outcome::kMissing);
}

TEST_CASE("what the broker rules out is not looked for on the disk") {
  Folder folder;
  const std::string path = "/dev/shm/daphnis-test-" + std::to_string(::getpid());
  const auto memory = daphnis::uv::SharedMemory::create(path, CountingBloomFilter::kBytes);
  REQUIRE(memory);
  CountingBloomFilter filter((*memory)->bytes());
  folder.reads.set_folder(folder.path.string(), path);
  CHECK(folder.look().outcome == Outcome::kMissing);
  CHECK(folder.was_later);  // The filter is not complete yet.
  filter.set_complete(true);
  folder.store("0123456789");
  CHECK(folder.look().outcome == Outcome::kMissing);
  CHECK_FALSE(folder.was_later);
  filter.add(folder.key);
  CHECK(folder.look().outcome == Outcome::kFound);
  folder.reads.set_folder(folder.path.string(), "/dev/shm/none");
  filter.remove(folder.key);
  CHECK(folder.look().outcome == Outcome::kFound);
}

TEST_CASE("waiting for one name is waiting for those that would come next") {
  Folder folder;
  CarRequest other = Folder::request();
  other.dups = !other.dups;
  folder.next = {key_of(other)};
  CHECK(folder.look().outcome == Outcome::kMissing);
  CHECK(folder.was_later);
  folder.key = folder.next[0];
  CHECK(folder.look().outcome == Outcome::kMissing);
  CHECK(!folder.was_later);
}

TEST_CASE("what is no file of the cache is reported as such") {
  Folder folder;
  folder.write("short");
  CHECK(folder.look().outcome == Outcome::kCorrupt);
  folder.write(std::string(1'000, 'x'));
  CHECK(folder.look().outcome == Outcome::kCorrupt);
  folder.store(kLarge);
  fs::resize_file(folder.file(), fs::file_size(folder.file()) - 1);
  CHECK(folder.look().outcome == Outcome::kCorrupt);
  fs::remove(folder.file());
  fs::create_directory(folder.file());
  CHECK(folder.look().outcome != Outcome::kFound);
}

TEST_CASE("with sums checked a flipped bit is found in what is read of a file and nowhere else") {
  Folder folder(true);
  folder.store("0123456789");
  CHECK(folder.look().outcome == Outcome::kFound);
  folder.rot(4);
  const CacheLook small = folder.look();
  CHECK(small.outcome == Outcome::kCorrupt);
  CHECK(small.detail.find("checksum") != std::string::npos);

  const std::string body(3 * kCachePieceBytes + 100, 'y');
  folder.store(body);
  folder.rot(kCachePieceBytes + 1'000);
  if (GENERATE(false, true)) folder.cool();
  const CacheLook large = folder.look();
  REQUIRE(large.outcome == Outcome::kFound);
  REQUIRE(large.file.file);
  CHECK(folder.read(large, 0, 1'000).outcome == CacheRead::Outcome::kDone);
  CHECK(folder.read(large, 2 * kCachePieceBytes, 0).outcome == CacheRead::Outcome::kDone);
  const CacheRead end = folder.read(large, body.size() - 10, 10);
  CHECK(as_text(end.bytes.bytes()) == "yyyyyyyyyy");
  CHECK(folder.read(large, kCachePieceBytes, 10).outcome == CacheRead::Outcome::kCorrupt);
  CHECK(folder.read(large, 100, body.size() - 200).outcome == CacheRead::Outcome::kCorrupt);
}

TEST_CASE("sums that rotted themselves make the file corrupt where they are needed") {
  const bool verifies = GENERATE(false, true);
  Folder folder(verifies);
  folder.store(kLarge);
  const Result<CacheFooter> footer = folder.footer();
  REQUIRE(footer);
  folder.rot(static_cast<size_t>(footer->sums_offset()));
  CHECK(folder.look().outcome == (verifies ? Outcome::kCorrupt : Outcome::kFound));
}

TEST_CASE("a file of version 1 keeps no sums and is served without") {
  Folder folder(true);
  const auto old = test::in_version_1(test::cached_dag(1, 4, 100'000));
  folder.key = old.key;
  folder.write(std::string(as_text(old.bytes)));
  const CacheLook look = folder.look();
  REQUIRE(look.outcome == Outcome::kFound);
  CHECK(look.file.footer.version == 1);
  CHECK(folder.read(look, 5, 10).outcome == CacheRead::Outcome::kDone);
}

TEST_CASE("a link in the place of a cached file is not followed") {
  Folder folder;
  folder.store("0123456789");
  const fs::path elsewhere = folder.path / "elsewhere";
  fs::rename(folder.file(), elsewhere);
  fs::create_symlink(elsewhere, folder.file());
  CHECK(folder.look().outcome == Outcome::kUnreadable);
}

TEST_CASE("blocks and their list are read from a cached file") {
  Folder folder;
  folder.store("abcdefgh" + kLarge);
  const CacheLook look = folder.look();
  REQUIRE(look.file.file);
  CacheRead read;
  REQUIRE(folder.reads.index_of(look.file, CacheQueryId{1}, read) == CacheReads::When::kLater);
  read = folder.wait_for_read();
  REQUIRE(read.index);
  const auto place = read.index->find(Folder::request().root);
  REQUIRE(place);
  CHECK(place->offset == 3);

  const bool is_cold = GENERATE(false, true);
  CacheRead block;
  auto when = CacheReads::When::kNow;
  for (int tries = 0; tries < (is_cold ? kTriesMax : 1); ++tries) {
    if (is_cold) folder.cool();
    when = folder.reads.read(look.file.file, place->offset, place->size, CacheQueryId{2}, block);
    if (when == CacheReads::When::kLater) break;
  }
  CHECK((when == CacheReads::When::kLater) == is_cold);
  if (is_cold) block = folder.wait_for_read();
  CHECK(as_text(block.bytes.bytes()) == "defg");

  CacheRead beyond;
  if (folder.reads.read(look.file.file, 1 << 20, 10, CacheQueryId{3}, beyond) ==
      CacheReads::When::kLater) {
    beyond = folder.wait_for_read();
  }
  CHECK(beyond.outcome == CacheRead::Outcome::kCorrupt);
}

}  // namespace daphnis::worker::uv

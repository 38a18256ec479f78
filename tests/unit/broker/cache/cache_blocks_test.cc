#include <optional>
#include <vector>

#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

using ipc::BlockFile;
using ipc::JoinState;

/// The raw block number `n` as a request of its own.
CarRequest raw_number(uint64_t n) {
  return {.root = cid_number(n), .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
}

/// A broker whose cache holds files of several blocks: the file number `n` has the blocks from
/// 100 * n on.
struct BlockRig : CacheRig {
  explicit BlockRig(const Settings& settings = cache_config()) : CacheRig(settings) {
    worker = connect_worker();
    l2 = register_l2("home", "?v=2");
  }
  /// The file that the folder was told to list since the last call, which is one at most; 0: none.
  uint64_t to_list() {
    const auto tasks = tasks_of<ListBlocks>();
    folder_tasks.clear();
    REQUIRE(tasks.size() <= 1);
    if (tasks.empty()) return 0;
    secret = tasks.front().secret;
    for (uint64_t n = 1; n <= 20; ++n) {
      if (tasks.front().key == key_for(n)) return n;
    }
    FAIL("a strange file is to be listed");
    return 0;
  }
  void list(uint64_t n, uint64_t first, uint64_t count, bool is_last = true) {
    BlocksListed listed{.key = key_for(n), .blocks = {}, .is_last = is_last};
    for (uint64_t i = 0; i < count; ++i) {
      listed.blocks.push_back(block_key_of(cid_number(100 * n + first + i), secret));
    }
    folder(listed);
  }
  /// Gives the folder a file to store, whose end does not come by itself.
  void hold_stored(uint64_t n) {
    reserve(worker, n, kMiB);
    done(worker, n, n, kMiB);
  }
  /// Stores a file and lists its nine blocks.
  void store_listed(uint64_t n) {
    store(worker, n, kMiB);
    REQUIRE(to_list() == n);
    list(n, 0, 9);
  }
  /// The worker asks for a block. Returns what it was told, if it was told anything.
  std::optional<ipc::JoinProgress> ask(const CarRequest& request, BlockFile block_file,
                                       bool only_cached = false) {
    const uint64_t fetch_id = ++last_fetch;
    tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                            .request = request,
                            .key = key_of(request),
                            .trace_id = "t",
                            .deadline_ms = 30'000,
                            .block_file = block_file,
                            .only_cached = only_cached});
    const auto all = told(worker, fetch_id);
    return all.empty() ? std::nullopt : std::optional(all.back());
  }
  std::optional<ipc::JoinProgress> ask(uint64_t n, BlockFile block_file = BlockFile::kMay) {
    return ask(raw_number(n), block_file);
  }
  /// The file that the worker was told for a block; 0: none.
  uint64_t file_of(uint64_t n) {
    const auto told = ask(n);
    for (uint64_t file = 1; told && file <= 20; ++file) {
      if (told->file == key_for(file)) return file;
    }
    return 0;
  }
  /// Lets the folder go down and come back with these files, of which the first was stored first.
  void rescan(const std::vector<uint64_t>& files) {
    folder(FolderHealth{.is_up = false, .why = "a new scan"});
    folder(FolderHealth{.is_up = true, .why = {}});
    FilesFound found{.entries = {}, .is_last = true};
    uint32_t stored_s = 1'000;
    for (const uint64_t n : files) {
      found.entries.push_back(
          {.key = key_for(n), .root = cid_number(n), .size = 10, .stored_s = ++stored_s});
    }
    folder(found);
  }
  size_t orders() const { return CacheRig::orders(l2).size(); }
  const Counters& counts() const { return broker.counters(); }

  WorkerId worker{};
  ConnId l2{};
  Uuid secret{};
  uint64_t last_fetch = 0;
};

TEST_CASE("each block of a stored file is answered with that file", "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  for (uint64_t n = 300; n < 309; ++n) {
    const auto told = rig.ask(n);
    REQUIRE(told);
    CHECK(told->state == JoinState::kCached);
    CHECK(told->file == key_for(3));
  }
  CHECK(rig.orders() == 0);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.counts().block_index_hits == 9);
  CHECK(rig.counts().fetches_cached == 9);
  CHECK(rig.broker.cache().blocks()->blocks() == 9);
  CHECK_FALSE(rig.ask(309));
  CHECK(rig.orders() == 1);
}

TEST_CASE("the blocks that come with a file's name are known, and not listed", "[broker][cache]") {
  BlockRig rig;
  rig.hold_stored(3);
  const auto tasks = rig.tasks_of<StoreFile>();
  REQUIRE(tasks.size() == 1);
  REQUIRE(tasks[0].block_secret);
  rig.folder_tasks.clear();
  rig.folder(FileStored{.spool = tasks[0].spool,
                        .key = tasks[0].key,
                        .is_stored = true,
                        .why = {},
                        .blocks = {{block_key_of(cid_number(300), *tasks[0].block_secret)}}});
  CHECK(rig.file_of(300) == 3);
  CHECK(rig.to_list() == 0);
  CHECK(rig.broker.cache().blocks()->blocks() == 1);
  rig.rescan({3});
  CHECK(rig.to_list() == 0);
  SECTION("until the file goes") {
    (void)rig.broker.cache().purge(cid_number(3));
    rig.carry_out();
    CHECK(rig.file_of(300) == 0);
  }
}

TEST_CASE("the blocks of a file that was purged before it had its name are not known",
          "[broker][cache]") {
  BlockRig rig;
  rig.hold_stored(3);
  const auto tasks = rig.tasks_of<StoreFile>();
  REQUIRE(tasks.size() == 1);
  (void)rig.broker.cache().purge(cid_number(3));
  rig.folder(FileStored{.spool = tasks[0].spool,
                        .key = tasks[0].key,
                        .is_stored = true,
                        .why = {},
                        .blocks = {{block_key_of(cid_number(300), *tasks[0].block_secret)}}});
  CHECK(rig.broker.cache().blocks()->blocks() == 0);
}

TEST_CASE("an object with a file of its own is answered with that", "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  // The root of file 4, a raw leaf, is a block of file 3 too.
  rig.store(rig.worker, 4, kMiB);
  const auto told = rig.ask({.root = cid_number(4)}, BlockFile::kMay);
  REQUIRE(told);
  CHECK(told->file == RequestKey{});
}

TEST_CASE("only requests for one block, of a worker that can read it, are told a file",
          "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  CHECK(rig.ask({.root = cid_number(301), .scope = DagScope::kBlock}, BlockFile::kMay));
  CHECK(rig.ask({.root = cid_number(301), .dups = true}, BlockFile::kMay));
  CHECK_FALSE(rig.ask({.root = cid_number(301), .path = {"a"}}, BlockFile::kMay));
  CHECK_FALSE(rig.ask(301, BlockFile::kNo));
  CHECK(rig.counts().block_index_hits == 2);
  CHECK(rig.counts().block_index_stale == 0);
}

TEST_CASE("a block that its file lacks is fetched, and forgotten", "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  CHECK(rig.file_of(301) == 3);
  CHECK_FALSE(rig.ask(301, BlockFile::kLost));
  CHECK(rig.orders() == 1);
  CHECK(rig.counts().block_index_stale == 1);
  CHECK(rig.file_of(301) == 0);
  CHECK(rig.file_of(302) == 3);
}

TEST_CASE("what is only to be answered from the cache costs no order", "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  const auto told = rig.ask(raw_number(301), BlockFile::kMay, true);
  REQUIRE(told);
  CHECK(told->file == key_for(3));
  CHECK_FALSE(rig.ask(raw_number(399), BlockFile::kMay, true));
  CHECK(rig.failure(rig.worker, rig.last_fetch) == Outcome::kNotFound);
  CHECK_FALSE(rig.ask(raw_number(301), BlockFile::kLost, true));
  CHECK(rig.failure(rig.worker, rig.last_fetch) == Outcome::kNotFound);
  CHECK(rig.orders() == 0);
  CHECK(rig.broker.is_quiet());
  // Of these only the first was a fetch, and none has failed.
  CHECK(rig.counts().fetches == 1);
  CHECK(rig.counts().fetches_failed[Outcome::kNotFound] == 0);
}

TEST_CASE("the blocks of a file that is gone are fetched", "[broker][cache]") {
  BlockRig rig;
  rig.store_listed(3);
  SECTION("purged") {
    (void)rig.broker.cache().purge(cid_number(3));
  }
  SECTION("corrupt") {
    rig.folder(FileCorrupt{key_for(3), "a bit"});
  }
  SECTION("missing") {
    rig.tell(rig.worker, ipc::CacheFault{.key = key_for(3), .detail = {}});
  }
  SECTION("evicted") {
    rig.broker.cache().set_limit(1);
  }
  SECTION("not found by a scan") {
    rig.rescan({});
  }
  rig.carry_out();
  CHECK_FALSE(rig.ask(301));
  CHECK(rig.orders() == 1);
  CHECK(rig.broker.cache().blocks()->blocks() == 0);
  CHECK(rig.counts().block_index_hits == 0);
}

TEST_CASE("after a start the files that were stored last are listed first, one at a time",
          "[broker][cache]") {
  BlockRig rig;
  rig.rescan({5, 2, 9});
  CHECK(rig.to_list() == 9);
  rig.list(9, 0, 4, false);
  CHECK(rig.to_list() == 0);
  rig.list(9, 4, 4);
  CHECK(rig.file_of(903) == 9);
  CHECK(rig.file_of(907) == 9);
  CHECK(rig.to_list() == 2);
  // A file that is stored meanwhile comes first, although the wall clock has gone back.
  rig.store(rig.worker, 7, kMiB);
  rig.folder_tasks.clear();
  rig.list(2, 0, 9);
  CHECK(rig.to_list() == 7);
  rig.list(7, 0, 0);  // The file keeps no list.
  CHECK(rig.to_list() == 5);
  rig.list(5, 0, 9);
  CHECK(rig.to_list() == 0);
  CHECK(rig.file_of(200) == 2);
  CHECK(rig.file_of(508) == 5);
}

TEST_CASE("a file that goes while it waits to be listed is passed over", "[broker][cache]") {
  BlockRig rig;
  rig.rescan({5, 2, 9});
  REQUIRE(rig.to_list() == 9);
  (void)rig.broker.cache().purge(cid_number(2));
  (void)rig.broker.cache().purge(cid_number(9));
  rig.carry_out();
  rig.folder_tasks.clear();
  rig.list(9, 0, 9);
  CHECK(rig.file_of(901) == 0);
  CHECK(rig.to_list() == 5);
}

TEST_CASE("a list that the folder drops is asked for again after its scan", "[broker][cache]") {
  BlockRig rig;
  rig.rescan({5, 2});
  REQUIRE(rig.to_list() == 2);
  rig.folder(FolderHealth{.is_up = false, .why = "gone"});
  rig.list(2, 0, 9);  // It was on its way.
  CHECK(rig.to_list() == 0);
  rig.rescan({5, 2});
  CHECK(rig.to_list() == 2);
  rig.list(2, 0, 9);
  CHECK(rig.to_list() == 5);
  rig.list(5, 0, 9);
  rig.rescan({5, 2});  // What is known is not listed again.
  CHECK(rig.to_list() == 0);
}

TEST_CASE("where the index is full no file is listed that was stored before all it knows",
          "[broker][cache]") {
  Settings settings = cache_config();
  settings.block_index_max = 2 * (9 + BlockIndex::kFileBlocks);
  BlockRig rig(settings);
  rig.rescan({1, 2, 3, 4});
  CHECK(rig.to_list() == 4);
  rig.list(4, 0, 9);
  CHECK(rig.to_list() == 3);
  rig.list(3, 0, 9);
  CHECK(rig.to_list() == 0);
  rig.store(rig.worker, 5, kMiB);
  CHECK(rig.to_list() == 5);
  rig.list(5, 0, 9);
  CHECK(rig.file_of(500) == 5);
  CHECK(rig.file_of(400) == 4);
  CHECK(rig.file_of(300) == 0);
}

TEST_CASE("hits may be only counted", "[broker][cache]") {
  Settings settings = cache_config();
  settings.block_index = RuleMode::kObserve;
  BlockRig rig(settings);
  rig.store_listed(3);
  CHECK_FALSE(rig.ask(301));
  CHECK(rig.orders() == 1);
  CHECK(rig.counts().block_index_hits == 1);
  CHECK(rig.counts().fetches_cached == 0);
}

TEST_CASE("blocks are not known where nobody wants that", "[broker][cache]") {
  Settings settings = cache_config();
  SECTION("off") {
    settings.block_index = RuleMode::kOff;
  }
  SECTION("none may be kept") {
    settings.block_index_max = 0;
  }
  BlockRig rig(settings);
  rig.hold_stored(3);
  REQUIRE(rig.tasks_of<StoreFile>().size() == 1);
  CHECK_FALSE(rig.tasks_of<StoreFile>()[0].block_secret);
  rig.run_folder();
  CHECK(rig.to_list() == 0);
  CHECK_FALSE(rig.ask(301));
  CHECK_FALSE(rig.ask(301, BlockFile::kLost));
  CHECK(rig.broker.cache().blocks() == nullptr);
  CHECK(rig.counts().block_index_stale == 0);
}

}  // namespace
}  // namespace daphnis::broker

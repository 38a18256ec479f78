#include <cerrno>

#include "tests/unit/worker/car_blocks.h"
#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using ipc::BlockFile;

/// A worker whose cache holds the whole DAG of one sample, and whose broker knows its blocks.
struct BlockEdge : Rig {
  explicit BlockEdge(bool is_small = false)
      : file(cache.store({.root = car.root}, text(car.bytes), blocks_of(car), is_small)) {
    worker.set_cache_reads(cache);
    start_broker("/cache");
  }
  Peer& ask(const std::string& query, const std::string& fields = "",
            const std::string& method = "GET") {
    Peer& client = connect();
    send(client, method + " /ipfs/" + leaf.cid.text() + "?" + query +
                     " HTTP/1.1\r\nHost: edge\r\n" + fields + "\r\n");
    return client;
  }
  /// The broker names the file that holds the block.
  void name_file(const ipc::Fetch& fetch) {
    tell(ipc::JoinProgress{.fetch_id = fetch.fetch_id,
                           .state = ipc::JoinState::kCached,
                           .bytes = 0,
                           .path = {},
                           .file = key_of(CarRequest{.root = car.root})});
  }
  /// The question for a block that the named file did not bring. It is not asked once more.
  ipc::Fetch asked_again(BlockFile why) {
    const auto again = only<ipc::Fetch>();
    CHECK(again.block_file == why);
    CHECK_FALSE(again.must_not_join);
    return again;
  }
  [[nodiscard]] std::string block() const {
    return text(Bytes(car.bytes).subspan(leaf.offset, leaf.size));
  }
  /// The CAR that an L2 sends for the block alone.
  [[nodiscard]] ByteVector block_car() const {
    std::array<uint8_t, kCarHeaderWrittenMax> header;
    ByteVector out(header.begin(),
                   header.begin() + static_cast<ptrdiff_t>(write_car_header(leaf.cid, header)));
    std::copy_n(header.begin(), out.size(), out.begin());
    std::array<uint8_t, kSectionHeadBytesMax> head;
    const size_t size = write_section_head(leaf.cid, leaf.size, head);
    out.insert(out.end(), head.begin(), head.begin() + static_cast<ptrdiff_t>(size));
    const std::string data = block();
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }

  SampleCar car;
  CachedBlock leaf = blocks_of(car).at(1);
  MemoryCache cache;
  std::shared_ptr<MemoryFile> file;
};

}  // namespace

TEST_CASE("an inner block is a hit where the broker knows the file that holds it", "[worker]") {
  BlockEdge edge(GENERATE(true, false));
  Peer& client = edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK(fetch.block_file == BlockFile::kMay);
  CHECK_FALSE(fetch.only_cached);
  edge.name_file(fetch);
  CHECK(status_line(client.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(client.received, Contains("X-Cache: HIT\r\n") && Contains("Age: 0\r\n"));
  CHECK_THAT(client.received, EndsWith("\r\n\r\n" + edge.block()));
  CHECK_THAT(edge.lines.back(), Contains("cache=HIT") && Contains("outcome=complete"));
  CHECK(edge.sent<ipc::Fetch>().empty());
  CHECK(edge.sent<ipc::CancelFetch>().empty());
  edge.pass_time(limits::kCacheHitsEveryMs);
  CHECK(edge.only<ipc::CacheHits>().hits.at(0).key == key_of(CarRequest{.root = edge.car.root}));
}

TEST_CASE("the CAR of an inner block is made from the file that holds the block", "[worker]") {
  BlockEdge edge(GENERATE(true, false));
  const std::string query =
      GENERATE("format=car&dag-scope=block", "format=car", "format=car&car-dups=y");
  Peer& client = edge.ask(query);
  edge.name_file(edge.only<ipc::Fetch>());
  CHECK(dechunked(client.received) == text(edge.block_car()));
  CHECK_THAT(client.received, Contains("X-Cache: HIT\r\n"));
}

TEST_CASE("HEAD and ranges of an inner block are answered from the file that holds it",
          "[worker]") {
  BlockEdge edge;
  Peer& head = edge.ask("format=raw", "", "HEAD");
  edge.name_file(edge.only<ipc::Fetch>());
  CHECK_THAT(head.received,
             Contains("Content-Length: " + std::to_string(edge.leaf.size) + "\r\n") &&
                 Contains("X-Cache: HIT\r\n") && EndsWith("\r\n\r\n"));
  Peer& part = edge.ask("format=raw", "Range: bytes=10-19\r\n");
  edge.name_file(edge.only<ipc::Fetch>());
  CHECK(status_line(part.received) == "HTTP/1.1 206 Partial Content");
  CHECK_THAT(part.received, EndsWith("\r\n\r\n" + edge.block().substr(10, 10)));
}

TEST_CASE("a request for more than one block names no file", "[worker]") {
  BlockEdge edge;
  Peer& client = edge.connect();
  const SampleCar other(500);
  edge.send(client, get(other));
  CHECK(edge.only<ipc::Fetch>().block_file == BlockFile::kNo);
}

TEST_CASE("a block's file is waited for without holding anything up", "[worker]") {
  BlockEdge edge;
  Peer& client = edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  edge.cache.is_cold = true;
  edge.name_file(fetch);
  edge.finish_looks(edge.cache);
  edge.finish_read(edge.cache);  // Its list of blocks.
  Peer& second = edge.ask("format=raw");
  edge.finish_looks(edge.cache);
  CHECK(client.received.empty());
  edge.finish_read(edge.cache);
  CHECK_THAT(client.received, EndsWith(edge.block()));
  CHECK_THAT(second.received, EndsWith(edge.block()));
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("a client that leaves while its block is looked for is forgotten", "[worker]") {
  BlockEdge edge;
  Peer& client = edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  edge.cache.is_cold = true;
  edge.name_file(fetch);
  const int steps = GENERATE(0, 1, 2);
  if (steps > 0) edge.finish_looks(edge.cache);
  if (steps > 1) edge.finish_read(edge.cache);
  edge.lose(client);
  if (steps == 0) edge.finish_looks(edge.cache);
  for (const auto& read : std::exchange(edge.cache.reads_waiting, {})) {
    edge.worker.on_cache_read(read.id, read.result(), edge.now_ms);
  }
  edge.after_input();
  CHECK_THAT(edge.lines.back(), Contains("outcome=client_left"));
  CHECK(edge.worker.stats().fetches == 0);
}

TEST_CASE("a block whose file is gone is asked for once more, and comes from an L2", "[worker]") {
  BlockEdge edge;
  Peer& client = edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  edge.cache.remove(key_of(CarRequest{.root = edge.car.root}));
  edge.name_file(fetch);
  const auto again = edge.asked_again(BlockFile::kLost);
  CHECK(edge.sent<ipc::CacheFault>().empty());
  edge.hand_off(again, post_with_length(edge.block_car()));
  CHECK_THAT(client.received, Contains("X-Cache: MISS\r\n") && EndsWith(edge.block()));
}

TEST_CASE("a file that does not hold the block is not asked twice", "[worker]") {
  BlockEdge edge;
  auto blocks = blocks_of(edge.car);
  blocks.erase(blocks.begin() + 1);
  edge.cache.store({.root = edge.car.root}, text(edge.car.bytes), blocks);
  edge.ask("format=raw");
  edge.name_file(edge.only<ipc::Fetch>());
  const auto again = edge.asked_again(BlockFile::kLost);
  CHECK(edge.sent<ipc::CacheFault>().empty());
  // Another broker, which names none: what was lost is told once.
  edge.stop_broker();
  edge.start_broker("/cache");
  CHECK(edge.only<ipc::Fetch>().block_file == BlockFile::kNo);
  CHECK(again.request.format == AnswerFormat::kRaw);
}

TEST_CASE("a block with another hash is never sent", "[worker]") {
  BlockEdge edge;
  std::string rotten = text(edge.car.bytes);
  rotten[edge.leaf.offset + 5] ^= 1;
  const bool is_small = GENERATE(true, false);
  edge.cache.store({.root = edge.car.root}, rotten, blocks_of(edge.car), is_small);
  Peer& client = edge.ask("format=raw");
  edge.name_file(edge.only<ipc::Fetch>());
  CHECK(client.received.empty());
  CHECK(edge.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kCorrupt);
  edge.hand_off(edge.asked_again(BlockFile::kLost), post_with_length(edge.block_car()));
  CHECK_THAT(client.received, EndsWith(edge.block()));
}

TEST_CASE("a block that cannot be read is reported and comes from an L2", "[worker]") {
  BlockEdge edge;
  edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  edge.file->break_with(EIO);
  edge.cache.is_cold = true;
  edge.name_file(fetch);
  edge.finish_looks(edge.cache);
  edge.finish_read(edge.cache);
  CHECK(edge.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kUnreadable);
  CHECK(edge.asked_again(BlockFile::kLost).request.format == AnswerFormat::kRaw);
}

TEST_CASE("a disk that is too slow for a block loses nothing but this hit", "[worker]") {
  BlockEdge edge;
  edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  edge.cache.is_cold = true;
  edge.name_file(fetch);
  if (GENERATE(true, false)) edge.finish_looks(edge.cache);
  edge.pass_time(limits::kCacheLookMs + 1);
  edge.asked_again(BlockFile::kNo);
  CHECK(edge.sent<ipc::CacheFault>().empty());
}

TEST_CASE("only-if-cached finds an inner block, and costs no order where there is none",
          "[worker]") {
  BlockEdge edge;
  const std::string method = GENERATE("GET", "HEAD");
  Peer& found = edge.ask("format=raw", "Cache-Control: only-if-cached\r\n", method);
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK(fetch.only_cached);
  CHECK(fetch.block_file == BlockFile::kMay);
  edge.name_file(fetch);
  CHECK(status_line(found.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(found.received, Contains("X-Cache: HIT\r\n"));
  Peer& lost = edge.ask("format=raw", "Cache-Control: only-if-cached\r\n", method);
  edge.tell(
      ipc::FetchFailed{.fetch_id = edge.only<ipc::Fetch>().fetch_id, .reason = Outcome::kNotFound});
  CHECK(status_line(lost.received) == "HTTP/1.1 412 Precondition Failed");
  CHECK(edge.worker.stats().fetches == 0);
}

TEST_CASE("only-if-cached shares no fetch with requests that may be fetched", "[worker]") {
  BlockEdge edge;
  Peer& only_cached = edge.ask("format=raw", "Cache-Control: only-if-cached\r\n");
  const auto look_up = edge.only<ipc::Fetch>();
  Peer& any = edge.ask("format=raw");
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK_FALSE(fetch.only_cached);
  edge.tell(ipc::FetchFailed{.fetch_id = look_up.fetch_id, .reason = Outcome::kNotFound});
  CHECK(status_line(only_cached.received) == "HTTP/1.1 412 Precondition Failed");
  CHECK(any.received.empty());
  edge.hand_off(fetch, post_with_length(edge.block_car()));
  CHECK_THAT(any.received, EndsWith(edge.block()));
}

TEST_CASE("only-if-cached asks no broker that is away, older, or could not know", "[worker]") {
  BlockEdge edge;
  std::string query = "format=raw";
  SECTION("away") {
    edge.stop_broker();
  }
  SECTION("older") {
    edge.stop_broker();
    edge.driver.on_broker_connected(edge.now_ms);
    edge.tell(ipc::Welcome{.version = 6, .cache_dir = "/cache"});
  }
  SECTION("more than one block") {
    query = "format=car&dag-scope=entity&entity-bytes=0:5";
  }
  Peer& client = edge.ask(query, "Cache-Control: only-if-cached\r\n");
  CHECK(status_line(client.received) == "HTTP/1.1 412 Precondition Failed");
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("a look-up that its broker leaves ends as not cached, whatever broker follows",
          "[worker]") {
  BlockEdge edge;
  Peer& client = edge.ask("format=raw", "Cache-Control: only-if-cached\r\n");
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
  edge.stop_broker();
  if (GENERATE(true, false)) {
    edge.driver.on_broker_connected(edge.now_ms);
    edge.tell(ipc::Welcome{.version = 6, .cache_dir = "/cache"});
  }
  edge.pass_time(Settings{}.request_ms + limits::kDeadlineGraceMs);
  CHECK(status_line(client.received) == "HTTP/1.1 412 Precondition Failed");
  CHECK(edge.sent<ipc::Fetch>().empty());
}

}  // namespace daphnis::worker::test

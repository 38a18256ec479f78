#include <cerrno>

#include "tests/unit/worker/car_blocks.h"
#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

/// A worker whose cache holds the whole DAG of one sample and nothing else.
struct WholeEdge : Rig {
  explicit WholeEdge(bool is_small = false, size_t leaf_bytes = 1'000) : car(leaf_bytes) {
    worker.set_cache_reads(cache);
    file = cache.store(request, text(car.bytes), blocks_of(car), is_small);
    start_broker("/cache");
  }
  std::string get(const std::string& query, const std::string& path = "",
                  const std::string& method = "GET") {
    Peer& client = connect();
    send(client, method + " /ipfs/" + car.root.text() + path + "?" + query +
                     " HTTP/1.1\r\nHost: edge\r\n\r\n");
    return client.received;
  }
  [[nodiscard]] std::string root_car() const {
    return text(Bytes(car.bytes).first(car.section_ends[0]));
  }
  [[nodiscard]] std::string root_block() const {
    const CachedBlock root = blocks_of(car).front();
    return text(Bytes(car.bytes).subspan(root.offset, root.size));
  }

  SampleCar car;
  CarRequest request{.root = car.root};
  MemoryCache cache;
  std::shared_ptr<MemoryFile> file;
};

}  // namespace

TEST_CASE("a scope of what is cached whole is made from it", "[worker]") {
  WholeEdge edge(GENERATE(true, false));
  const std::string answer = edge.get("format=car&dag-scope=block");
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK_THAT(answer, Contains("X-Cache: HIT\r\n") && Contains("Age: 0\r\n"));
  CHECK(dechunked(answer) == edge.root_car());
  CHECK(edge.sent<ipc::Fetch>().empty());
  CHECK_THAT(edge.lines.back(), Contains("cache=HIT"));
}

TEST_CASE("the same DAG with repeats is made from the one without", "[worker]") {
  WholeEdge edge(GENERATE(true, false));
  CHECK(dechunked(edge.get("format=car&car-dups=y")) == text(edge.car.bytes));
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("a path below what is cached whole is walked", "[worker]") {
  WholeEdge edge;
  const std::string answer = dechunked(edge.get("format=car", "/1"));
  // The blocks are the root and the second leaf.
  const std::string second = text(Bytes(edge.car.bytes).subspan(edge.car.section_ends[1]));
  CHECK(answer == edge.root_car() + second);
  const std::string missing = edge.get("format=car", "/7");
  CHECK(status_line(missing) == "HTTP/1.1 404 Not Found");
  CHECK_THAT(missing, Contains("path_not_found"));
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("the root's block is a part of the file that holds its DAG", "[worker]") {
  WholeEdge edge(GENERATE(true, false));
  const std::string answer = edge.get("format=raw");
  CHECK_THAT(answer,
             Contains("Content-Length: " + std::to_string(edge.root_block().size()) + "\r\n"));
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == edge.root_block());
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("HEAD of a part of what is cached needs no walk", "[worker]") {
  WholeEdge edge;
  const std::string answer = edge.get("format=car&dag-scope=block", "", "HEAD");
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK_THAT(answer, Contains("X-Cache: HIT\r\n"));
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("a file's blocks are listed once", "[worker]") {
  WholeEdge edge;
  for (int i = 0; i < 3; ++i) edge.get("format=car&dag-scope=block");
  CHECK(edge.cache.indexes_read == 1);
}

TEST_CASE("a part of a cached DAG waits for a slow disk block by block", "[worker]") {
  WholeEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.finish_looks(edge.cache);
  // The reads are the list and 3 blocks.
  for (int reads = 0; reads < 4; ++reads) edge.finish_read(edge.cache);
  CHECK(edge.cache.reads_waiting.empty());
  CHECK(dechunked(client.received) == text(edge.car.bytes));
}

TEST_CASE("a client that leaves while its block is read is forgotten", "[worker]") {
  WholeEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.finish_looks(edge.cache);
  edge.finish_read(edge.cache);
  edge.lose(client);
  edge.finish_read(edge.cache);
  CHECK_THAT(edge.lines.back(), Contains("outcome=client_left"));
}

TEST_CASE("a slow client gets a part of a cached DAG at its own pace", "[worker]") {
  WholeEdge edge(false, 900'000);
  Peer& client = edge.connect();
  client.space = 1'000;
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  while (client.received.size() < edge.car.bytes.size()) edge.give_space(client, 300'000);
  edge.give_space(client, SIZE_MAX);
  CHECK(dechunked(client.received) == text(edge.car.bytes));
}

TEST_CASE("a file that lacks a block is passed over before anything is sent", "[worker]") {
  WholeEdge edge;
  auto blocks = blocks_of(edge.car);
  blocks.erase(blocks.begin());
  edge.cache.store(edge.request, text(edge.car.bytes), blocks);
  edge.get("format=car&dag-scope=block");
  CHECK(edge.only<ipc::Fetch>().request.scope == DagScope::kBlock);
}

TEST_CASE("a file without a list of blocks is passed over", "[worker]") {
  WholeEdge edge;
  edge.cache.store(edge.request, text(edge.car.bytes), {});
  edge.get("format=car&dag-scope=block");
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("what follows a block that cannot be read comes from an L2", "[worker]") {
  WholeEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.finish_looks(edge.cache);
  edge.finish_read(edge.cache);
  edge.finish_read(edge.cache);
  edge.file->break_with(EIO);
  edge.finish_read(edge.cache);
  CHECK(edge.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kUnreadable);
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK(fetch.request.dups);
  edge.hand_off(fetch, post_with_length(edge.car.bytes));
  CHECK(dechunked(client.received) == text(edge.car.bytes));
  CHECK_THAT(edge.lines.back(), Contains("outcome=complete"));
}

TEST_CASE("an answer that another replaces is gone when the input ends", "[worker]") {
  WholeEdge edge;
  const long unopened = edge.file.use_count();
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.finish_looks(edge.cache);
  edge.finish_read(edge.cache);
  CHECK(edge.file.use_count() > unopened);
  edge.file->break_with(EIO);
  edge.finish_read(edge.cache);
  CHECK(edge.sent<ipc::Fetch>().size() == 1);  // The client waits for the answer from a fetch.
  CHECK(edge.file.use_count() == unopened);
}

TEST_CASE("the rest of a range of a block that cannot be read comes from an L2", "[worker]") {
  WholeEdge edge;
  Peer& client = edge.connect();
  client.space = 0;
  edge.send(client, "GET /ipfs/" + edge.car.root.text() +
                        "?format=raw HTTP/1.1\r\nHost: edge\r\nRange: bytes=10-19\r\n\r\n");
  edge.file->break_with(EIO);
  edge.give_space(client, SIZE_MAX);
  edge.hand_off(edge.only<ipc::Fetch>(), post_with_length(as_bytes(edge.root_car())));
  CHECK_THAT(client.received, EndsWith("\r\n\r\n" + edge.root_block().substr(10, 10)));
}

TEST_CASE("a disk that is too slow for a part sends the request to the L2s", "[worker]") {
  WholeEdge edge;
  edge.get("format=car");  // The file is open from now on.
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.finish_looks(edge.cache);
  edge.pass_time(2 * limits::kCacheLookMs);
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
  CHECK(edge.sent<ipc::CacheFault>().empty());
}

}  // namespace daphnis::worker::test

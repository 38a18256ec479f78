#include "worker/gateway/memo.h"

#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

http::Head head_of(std::string target, std::vector<http::Header> headers = {}) {
  http::Head head{.method = "GET", .target = std::move(target)};
  head.headers = std::move(headers);
  return head;
}

/// A worker whose cache holds one CAR, which was asked for twice: the second answer came from the
/// memo.
struct OpenFileEdge : Rig {
  OpenFileEdge() {
    worker.set_cache_reads(cache);
    cache.store({.root = car.root}, text(car.bytes), {}, true);
    start_broker("/cache");
    for (int i = 0; i < 2; ++i) first.push_back(get(""));
  }
  std::string get(const std::string& fields, const std::string& method = "GET") {
    Peer& client = connect();
    send(client, method + " " + car.target() + " HTTP/1.1\r\nHost: edge\r\n" + fields + "\r\n");
    return client.received;
  }
  SampleCar car;
  MemoryCache cache;
  std::vector<std::string> first;
};

}  // namespace

TEST_CASE("an answer by the memo is the same as one without", "[worker]") {
  OpenFileEdge edge;
  CHECK(edge.first[0] == edge.first[1]);
  CHECK_THAT(edge.get("User-Agent: x\r\nX-Request-Id: abc\r\n"), Contains("X-Request-Id: abc\r\n"));
}

TEST_CASE("conditions and only-if-cached hold for a request for an open file", "[worker]") {
  OpenFileEdge edge;
  const std::string& known = edge.first[0];
  const size_t etag_at = known.find("Etag: ") + 6;
  const std::string etag = known.substr(etag_at, known.find("\r\n", etag_at) - etag_at);
  CHECK(status_line(edge.get("If-None-Match: " + etag + "\r\n")) == "HTTP/1.1 304 Not Modified");
  CHECK(status_line(edge.get("If-Match: \"other\"\r\n")) == "HTTP/1.1 412 Precondition Failed");
  CHECK(status_line(edge.get("Service-Worker: script\r\n")) == "HTTP/1.1 400 Bad Request");
  CHECK(status_line(edge.get("Cache-Control: only-if-cached\r\n")) == "HTTP/1.1 200 OK");
  const std::string head = edge.get("", "HEAD");
  CHECK(head.substr(head.find("\r\n\r\n")) == "\r\n\r\n");
  CHECK(status_line(edge.get("", "POST")) == "HTTP/1.1 405 Method Not Allowed");
}

TEST_CASE("a remembered request whose file is no longer open is looked up", "[worker]") {
  OpenFileEdge edge;
  const RequestKey key = key_of({.root = edge.car.root});
  edge.cache.remove(key);
  edge.tell(ipc::Unlink{.deferred_free = 1, .keys = {key}, .paths = {}});
  edge.get("");
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("a head is remembered by its target and what it accepts", "[worker]") {
  CHECK(memo_key_of(head_of("/a")) == memo_key_of(head_of("/a", {{"User-Agent", "x"}})));
  CHECK(memo_key_of(head_of("/a")) != memo_key_of(head_of("/b")));
  CHECK(memo_key_of(head_of("/a")) != memo_key_of(head_of("/a", {{"aCCept", "*/*"}})));
  CHECK(memo_key_of(head_of("/a", {{"Accept", "x"}, {"Accept", "y"}})) !=
        memo_key_of(head_of("/a", {{"Accept", "y"}, {"Accept", "x"}})));
  CHECK(memo_key_of(head_of("/a", {{"RANGE", "bytes=0-1"}})).empty());
  CHECK(memo_key_of(head_of("/" + std::string(limits::kMemoBytesMax, 'a'))).empty());
  CHECK(memo_key_of(head_of("/a", {{"Accept", std::string(limits::kMemoBytesMax, 'a')}})).empty());
}

TEST_CASE("the requests that came last are remembered", "[worker]") {
  Memo memo;
  for (size_t i = 0; i < 2 * limits::kMemosMax; ++i) {
    memo.add("m" + std::to_string(i), Content{});
    CHECK(memo.find("m0"));
  }
  CHECK_FALSE(memo.find("m1"));
  CHECK(memo.find("m" + std::to_string(2 * limits::kMemosMax - 1)));
}

}  // namespace daphnis::worker::test

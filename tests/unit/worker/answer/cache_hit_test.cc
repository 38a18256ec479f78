#include <cerrno>

#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

/// A worker with a cache that holds one CAR as a file and one raw block in memory.
struct CachedEdge : Rig {
  explicit CachedEdge(const Settings& settings = {}) : Rig(settings) {
    worker.set_cache_reads(cache);
    file = cache.store(car_request, text(car.bytes));
    cache.store(raw_request, "0123456789", {}, true);
    start_broker("/cache");
  }
  ~CachedEdge() = default;

  std::string get(const std::string& target, const std::string& fields = "") {
    return ask("GET", target, fields);
  }
  std::string ask(const std::string& method, const std::string& target,
                  const std::string& fields = "") {
    Peer& client = connect();
    send(client, method + " " + target + " HTTP/1.1\r\nHost: edge\r\n" + fields + "\r\n");
    return client.received;
  }
  [[nodiscard]] std::string raw_target() const {
    return "/ipfs/" + car.root.text() + "?format=raw";
  }

  SampleCar car;
  CarRequest car_request{.root = car.root};
  CarRequest raw_request{.root = car.root, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
  MemoryCache cache;
  std::shared_ptr<MemoryFile> file;
};

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace

TEST_CASE("a cached CAR is answered from its file without a word to the broker", "[worker]") {
  CachedEdge edge;
  CHECK(edge.cache.folder == "/cache");
  edge.messages.clear();
  const std::string answer = edge.get(edge.car.target());
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK_THAT(answer, Contains("Content-Length: " + std::to_string(edge.car.bytes.size()) + "\r\n"));
  CHECK_THAT(answer, Contains("X-Cache: HIT\r\n"));
  CHECK_THAT(answer, Contains("Saturn-Cache-Status: HIT\r\n"));
  CHECK_THAT(answer, Contains("Age: 0\r\n"));
  CHECK_THAT(answer, Contains("Server-Timing: cache;dur="));
  CHECK_THAT(answer, !Contains("Transfer-Encoding"));
  CHECK(body_of(answer) == text(edge.car.bytes));
  CHECK(edge.messages.empty());
  REQUIRE(edge.lines.size() == 1);
  CHECK_THAT(edge.lines[0], Contains("cache=HIT") && Contains("outcome=complete"));
}

TEST_CASE("hits are served past the bound on requests in flight", "[worker]") {
  Settings settings;
  settings.requests_max = 1;
  CachedEdge edge(settings);
  const SampleCar other(2'000);
  (void)edge.get(other.target());
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
  // The first look-up finds a file that is not open yet.
  for (int i = 0; i < 2; ++i) CHECK(body_of(edge.get(edge.car.target())) == text(edge.car.bytes));
  const SampleCar third(3'000);
  CHECK(status_line(edge.get(third.target())) == "HTTP/1.1 503 Service Unavailable");
  CHECK(edge.sent<ipc::Fetch>().empty());
  CHECK(edge.worker.stats().shed == 1);
}

TEST_CASE("a file that is open is not looked up again", "[worker]") {
  CachedEdge edge;
  for (int i = 0; i < 3; ++i) CHECK(body_of(edge.get(edge.car.target())) == text(edge.car.bytes));
  CHECK(edge.cache.looked_up.size() == 1);
}

TEST_CASE("a hit's age is counted from when it was stored", "[worker]") {
  CachedEdge edge;
  edge.worker.on_wall_clock(1'700'000'123);
  CHECK_THAT(edge.get(edge.car.target()), Contains("Age: 123\r\n"));
  edge.worker.on_wall_clock(1'600'000'000);  // The clock was set back.
  CHECK_THAT(edge.get(edge.car.target()), Contains("Age: 0\r\n"));
}

TEST_CASE("HEAD of what is cached tells its length", "[worker]") {
  CachedEdge edge;
  const std::string answer = edge.ask("HEAD", edge.car.target());
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK_THAT(answer, Contains("Content-Length: " + std::to_string(edge.car.bytes.size()) + "\r\n"));
  CHECK(body_of(answer).empty());
}

TEST_CASE("a range of a cached block comes from memory", "[worker]") {
  CachedEdge edge;
  const std::string part = edge.get(edge.raw_target(), "Range: bytes=3-5\r\n");
  CHECK(status_line(part) == "HTTP/1.1 206 Partial Content");
  CHECK_THAT(part, Contains("Content-Range: bytes 3-5/10\r\n"));
  CHECK(body_of(part) == "345");
  CHECK(body_of(edge.get(edge.raw_target())) == "0123456789");
  const std::string beyond = edge.get(edge.raw_target(), "Range: bytes=30-\r\n");
  CHECK(status_line(beyond) == "HTTP/1.1 416 Range Not Satisfiable");
}

TEST_CASE("HTTP 1.0 gets a hit with its length", "[worker]") {
  CachedEdge edge;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.0\r\n\r\n");
  CHECK_THAT(client.received, Contains("Content-Length: "));
  CHECK(body_of(client.received) == text(edge.car.bytes));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("only-if-cached is answered by what is cached and by nothing else", "[worker]") {
  CachedEdge edge;
  const std::string only = "Cache-Control: only-if-cached\r\n";
  CHECK(status_line(edge.get(edge.car.target(), only)) == "HTTP/1.1 200 OK");
  const SampleCar other(500);
  CHECK(status_line(edge.get(other.target(), only)) == "HTTP/1.1 412 Precondition Failed");
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("what is not cached is asked for", "[worker]") {
  CachedEdge edge;
  const SampleCar other(500);
  edge.get(other.target());
  CHECK(edge.only<ipc::Fetch>().request.root == other.root);
}

TEST_CASE("what another worker has stored meanwhile is a hit", "[worker]") {
  CachedEdge edge;
  edge.worker.on_wall_clock(1'700'000'123);
  edge.cache.remove(key_of(edge.car_request));
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.cache.store(edge.car_request, text(edge.car.bytes));
  edge.tell(ipc::JoinProgress{edge.only<ipc::Fetch>().fetch_id, ipc::JoinState::kCached, 0, ""});
  CHECK(dechunked(client.received) == text(edge.car.bytes));
  CHECK_THAT(client.received, Contains("X-Cache: HIT"));
  CHECK_THAT(client.received, Contains("Age: 123\r\n"));
}

TEST_CASE("a slow disk holds up who asks for what it has and nobody else", "[worker]") {
  CachedEdge edge;
  edge.get(edge.raw_target());
  edge.cache.is_cold = true;
  Peer& waiting = edge.connect();
  Peer& also = edge.connect();
  for (Peer* peer : {&waiting, &also}) {
    edge.send(*peer, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  }
  REQUIRE(edge.cache.looks_waiting.size() == 1);
  CHECK(waiting.received.empty());
  CHECK(body_of(edge.get(edge.raw_target())) == "0123456789");
  edge.finish_looks(edge.cache);
  CHECK(body_of(waiting.received) == text(edge.car.bytes));
  CHECK(body_of(also.received) == text(edge.car.bytes));
}

TEST_CASE("a disk that does not answer counts as a miss", "[worker]") {
  CachedEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  // The look-ups were for its own file and for the other that could hold it.
  edge.pass_time(2 * limits::kCacheLookMs);
  CHECK(edge.only<ipc::Fetch>().request.root == edge.car.root);
  edge.finish_looks(edge.cache);  // The result is late, but serves the next request.
  edge.cache.is_cold = false;
  CHECK(body_of(edge.get(edge.car.target())) == text(edge.car.bytes));
}

TEST_CASE("a client that leaves while the disk is awaited is forgotten", "[worker]") {
  CachedEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.lose(client);
  edge.finish_looks(edge.cache);
  CHECK(edge.sent<ipc::Fetch>().empty());
  CHECK_THAT(edge.lines.back(), Contains("outcome=client_left"));
}

TEST_CASE("a broken file is reported and fetched anew", "[worker]") {
  CachedEdge edge;
  const bool is_corrupt = GENERATE(true, false);
  const RequestKey key = key_of(edge.car_request);
  edge.cache.fail(key, is_corrupt ? CacheLook::Outcome::kCorrupt : CacheLook::Outcome::kUnreadable);
  edge.get(edge.car.target());
  const auto fault = edge.only<ipc::CacheFault>();
  CHECK(fault.key == key);
  CHECK(fault.kind ==
        (is_corrupt ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable));
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("the rest of a file that breaks while it is sent comes from an L2", "[worker]") {
  CachedEdge edge;
  const bool is_cut = GENERATE(true, false);
  Peer& client = edge.connect();
  client.space = 1'500;
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  if (is_cut) {
    edge.file->cut_to(100);
  } else {
    edge.file->break_with(EIO);
  }
  edge.give_space(client, SIZE_MAX);
  const auto fault = edge.only<ipc::CacheFault>();
  CHECK(fault.kind == (is_cut ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable));
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK(fetch.key == key_of(edge.car_request));
  CHECK(body_of(client.received).size() < edge.car.bytes.size());
  SECTION("which has it") {
    edge.hand_off(fetch, post_with_length(edge.car.bytes));
    CHECK(body_of(client.received) == text(edge.car.bytes));
    CHECK_THAT(edge.lines.back(), Contains("outcome=complete"));
    CHECK(edge.worker.stats().fetches == 0);
  }
  SECTION("or not at all, so that the answer is cut") {
    edge.tell(ipc::FetchFailed{
        .fetch_id = fetch.fetch_id, .reason = Outcome::kNoL2, .attempts = 0, .retry_after_s = 1});
    CHECK(client.ending == Ending::kClose);  // The answer is shorter than the length that was told.
    CHECK_THAT(edge.lines.back(), Contains("outcome=aborted"));
  }
  SECTION("until the client has left") {
    edge.lose(client);
    CHECK(edge.only<ipc::CancelFetch>().fetch_id == fetch.fetch_id);
  }
}

TEST_CASE("hits are told to the broker once a second", "[worker]") {
  CachedEdge edge;
  for (int i = 0; i < 3; ++i) edge.get(edge.car.target());
  edge.get(edge.raw_target());
  CHECK(edge.sent<ipc::CacheHits>().empty());
  edge.pass_time(limits::kCacheHitsEveryMs);
  const auto message = edge.only<ipc::CacheHits>();
  REQUIRE(message.hits.size() == 2);
  for (const ipc::KeyHits& hit : message.hits) {
    CHECK(hit.hits == (hit.key == key_of(edge.car_request) ? 3 : 1));
  }
  edge.pass_time(10 * limits::kCacheHitsEveryMs);
  CHECK(edge.sent<ipc::CacheHits>().empty());
}

TEST_CASE("an unlinked file is closed at once where nobody reads it", "[worker]") {
  CachedEdge edge;
  edge.get(edge.car.target());
  const RequestKey key = key_of(edge.car_request);
  edge.cache.remove(key);
  CHECK(edge.file.use_count() > 1);
  edge.tell(ipc::Unlink{.deferred_free = 7, .keys = {key}, .paths = {}});
  CHECK(edge.only<ipc::Unlinked>().deferred_free == 7);
  CHECK(edge.file.use_count() == 1);
  edge.get(edge.car.target());
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("an unlinked file that a client still reads is closed when that is over", "[worker]") {
  CachedEdge edge;
  Peer& client = edge.connect();
  client.space = 100;
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.cache.remove(key_of(edge.car_request));
  edge.tell(ipc::Unlink{.deferred_free = 8, .keys = {key_of(edge.car_request)}, .paths = {}});
  edge.pass_time(10 * limits::kUnlinkedEveryMs);
  CHECK(edge.sent<ipc::Unlinked>().empty());
  edge.give_space(client, SIZE_MAX);
  CHECK(body_of(client.received) == text(edge.car.bytes));
  edge.pass_time(limits::kUnlinkedEveryMs);
  CHECK(edge.only<ipc::Unlinked>().deferred_free == 8);
}

TEST_CASE("a file unlinked while it is being opened is not used", "[worker]") {
  CachedEdge edge;
  edge.cache.is_cold = true;
  Peer& client = edge.connect();
  edge.send(client, "GET " + edge.car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  edge.tell(ipc::Unlink{.deferred_free = 9, .keys = {key_of(edge.car_request)}, .paths = {}});
  CHECK(edge.sent<ipc::Unlinked>().empty());
  edge.cache.is_cold = false;
  edge.finish_looks(edge.cache);
  edge.pass_time(limits::kUnlinkedEveryMs);
  CHECK(edge.only<ipc::Unlinked>().deferred_free == 9);
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
  CHECK(edge.file.use_count() == 2);  // The fake folder holds the other reference.
}

TEST_CASE("a new broker finds no files held open", "[worker]") {
  CachedEdge edge;
  edge.get(edge.car.target());
  edge.stop_broker();
  CHECK(body_of(edge.get(edge.car.target())) == text(edge.car.bytes));
  edge.start_broker("");
  CHECK(edge.file.use_count() == 2);
  edge.get(edge.car.target());
  CHECK(edge.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("open files are bounded and the ones asked for last stay", "[worker]") {
  OpenFileCache files;
  const FileRef file = std::make_shared<MemoryFile>("x");
  const auto key = [](size_t number) {
    RequestKey out{};
    out[0] = static_cast<uint8_t>(number);
    out[1] = static_cast<uint8_t>(number >> 8);
    return out;
  };
  for (size_t i = 0; i < limits::kOpenFilesMax; ++i) files.add(key(i), {.file = file});
  CHECK(files.find(key(0)));
  files.add(key(5'000), {.file = file});
  CHECK(files.files() == limits::kOpenFilesMax);
  CHECK(files.find(key(0)));
  CHECK_FALSE(files.find(key(1)));
  files.clear();
  CHECK(file.use_count() == 1);
  const Slice body = Slice::copy_of(std::vector<uint8_t>(limits::kOpenFileBodyBytesMax));
  for (size_t i = 0; i < 3'000; ++i) files.add(key(i), {.body = body});
  CHECK(files.body_bytes() <= limits::kOpenFileBodiesBytesMax);
  CHECK(files.size() > 900);
}

}  // namespace daphnis::worker::test

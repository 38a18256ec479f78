#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

/// The CAR's blocks as a cached file lists them: the first of them, since no more is needed here.
CachedBlock root_of(const SampleCar& car) {
  const size_t header = 1 + car.bytes[0];
  const Bytes section = Bytes(car.bytes).subspan(header, car.section_ends[0] - header);
  const auto length = read_varint(section);
  const size_t cid_bytes = car.root.bytes().size();
  return {.cid = car.root,
          .offset = header + length->size + cid_bytes,
          .size = static_cast<uint32_t>(length->value - cid_bytes)};
}

/// A worker with a cache, and clients that ask for paths below the sample's root, a list of two.
struct PathEdge : Rig {
  explicit PathEdge(const Settings& settings = {}) : Rig(settings) {
    worker.set_cache_reads(cache);
    start_broker("/cache");
  }
  std::string get(const std::string& path) {
    Peer& client = connect();
    send(client,
         "GET /ipfs/" + car.root.text() + path + "?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
    return client.received;
  }
  [[nodiscard]] Bytes root_car() const { return Bytes(car.bytes).first(car.section_ends[0]); }

  SampleCar car;
  CarRequest directory{.root = car.root, .scope = DagScope::kBlock};
  MemoryCache cache;
};

}  // namespace

TEST_CASE("a directory that lacks what was asked for is fetched for the cache",
          "[worker][directory]") {
  PathEdge edge;
  (void)edge.get("/7");
  edge.hand_off(edge.only<ipc::Fetch>(), post_with_length(edge.root_car()));
  const auto fetch = edge.only<ipc::Fetch>();
  CHECK(fetch.request == edge.directory);
  CHECK(fetch.client_network == 0);
  CHECK(fetch.block_file == ipc::BlockFile::kNo);
  CHECK(edge.worker.stats().directories == 1);
  edge.hand_off(fetch, post_with_length(edge.root_car()));
  CHECK(edge.only<ipc::SpoolReserve>().is_for_cache);
}

TEST_CASE("so it is where the answer holds the proof that a path is missing",
          "[worker][directory]") {
  PathEdge edge;
  (void)edge.get("/1/x");
  const ByteVector second(edge.car.bytes.begin() + static_cast<ptrdiff_t>(edge.car.section_ends[1]),
                          edge.car.bytes.end());
  ByteVector proof(edge.root_car().begin(), edge.root_car().end());
  proof.insert(proof.end(), second.begin(), second.end());
  edge.hand_off(edge.only<ipc::Fetch>(), post_with_length(proof));
  edge.directory.path = {"1"};
  CHECK(edge.only<ipc::Fetch>().request == edge.directory);
}

TEST_CASE("the next missing name is answered from the cached directory, without an order",
          "[worker][directory]") {
  PathEdge edge;
  edge.cache.store(edge.directory, text(edge.root_car()), {root_of(edge.car)},
                   GENERATE(true, false));
  for (const char* name : {"/7", "/8", "/9/x"}) {
    const std::string answer = edge.get(name);
    CHECK(status_line(answer) == "HTTP/1.1 404 Not Found");
    CHECK_THAT(answer, Contains("path_not_found") && Contains("X-Cache: HIT"));
  }
  CHECK(edge.sent<ipc::Fetch>().empty());
}

TEST_CASE("a name that the cached directory has is fetched", "[worker][directory]") {
  PathEdge edge;
  edge.cache.store(edge.directory, text(edge.root_car()), {root_of(edge.car)}, true);
  CHECK(edge.get("/1").empty());
  CHECK(edge.only<ipc::Fetch>().request.path == std::vector<std::string>{"1"});
}

TEST_CASE("directories are kept by the setting, and where there is a cache",
          "[worker][directory]") {
  Settings settings;
  settings.keeps_directories = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  PathEdge edge(settings);
  (void)edge.get("/7");
  edge.hand_off(edge.only<ipc::Fetch>(), post_with_length(edge.root_car()));
  CHECK(edge.sent<ipc::Fetch>().empty());
  CHECK(edge.worker.stats().directories ==
        (settings.keeps_directories == RuleMode::kObserve ? 1 : 0));
}

}  // namespace daphnis::worker::test

// Tests of CIDs of sha1, for which two blocks can prove.

#include <array>

#include "common/ipld/car.h"
#include "tests/unit/worker/memory_disk.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

Settings with(Sha1 sha1) {
  Settings settings;
  settings.budget.sha1 = sha1;
  return settings;
}

/// A rig whose broker admits everything to the cache.
struct Sha1Rig : Rig {
  explicit Sha1Rig(Sha1 sha1) : Rig(with(sha1)) {
    admission = ipc::Admission::kYes;
    start_broker("/cache");
  }
  Peer& ask(const std::string& target) {
    Peer& client = connect();
    send(client, "GET " + target + " HTTP/1.1\r\nHost: edge\r\n\r\n");
    return client;
  }
};

/// A block with a CID of sha1, and a CAR of that block alone.
struct Lone {
  Lone() {
    root = *Hasher().cid_of(codec::kRaw, hash::kSha1, as_bytes(block));
    std::array<uint8_t, kCarHeaderWrittenMax> header;
    car.append(as_text({header.data(), write_car_header(root, header)}));
    std::array<uint8_t, kSectionHeadBytesMax> head;
    car.append(as_text({head.data(), write_section_head(root, block.size(), head)}));
    car.append(block);
  }
  std::string block = "what a commit was once";
  Cid root;
  std::string car;
};

}  // namespace

TEST_CASE("a CID of sha1 is refused unless it is allowed", "[worker][sha1]") {
  const Lone lone;
  Sha1Rig rig(Sha1::kRefused);
  Peer& client = rig.ask("/ipfs/" + lone.root.text() + "?format=raw");
  CHECK(status_line(client.received) == "HTTP/1.1 400 Bad Request");
  CHECK_THAT(client.received, Contains("\"code\":\"sha1_refused\""));
  CHECK(rig.sent<ipc::Fetch>().empty());
}

TEST_CASE("a block of sha1 that is allowed is proven, served and kept nowhere", "[worker][sha1]") {
  const Lone lone;
  Sha1Rig rig(Sha1::kAllowed);
  const bool is_raw = GENERATE(true, false);
  const std::string target = "/ipfs/" + lone.root.text() + (is_raw ? "?format=raw" : "?format=car");
  Peer& client = rig.ask(target);
  const auto fetch = rig.only<ipc::Fetch>();
  std::string lie = lone.car;
  lie.back() = '!';
  rig.hand_off(fetch, post_with_length(as_bytes(lie)));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
  rig.hand_off(fetch, post_with_length(as_bytes(lone.car)));
  CHECK(status_line(client.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(client.received, Contains(lone.block) && Contains("Cache-Control: no-store\r\n") &&
                                  !Contains("\r\nEtag: "));
  CHECK(rig.sent<ipc::SpoolReserve>().empty());
  CHECK(rig.worker.stats().fetches == 0);
  rig.tell(ipc::Warm{.request = fetch.request});
  CHECK(rig.sent<ipc::Fetch>().empty());
}

TEST_CASE("no condition is met by what a CID of sha1 names", "[worker][sha1]") {
  const Lone lone;
  Sha1Rig rig(Sha1::kAllowed);
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + lone.root.text() +
                       "?format=raw HTTP/1.1\r\nHost: edge\r\nIf-None-Match: \"\", *\r\n\r\n");
  CHECK(rig.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("an answer that holds a block of sha1 is not cached", "[worker][sha1]") {
  const SampleCar car(1'000, 0, hash::kSha1);
  Sha1Rig rig(Sha1::kAllowed);
  MemoryDisk disk;
  Peer& client = rig.ask(car.target());
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(dechunked(client.received) == text(car.bytes));
  for (const auto& reserve : rig.sent<ipc::SpoolReserve>()) {
    rig.tell(ipc::SpoolReserved{reserve.spool, reserve.bytes, ipc::SpoolPlace::kCache});
  }
  disk.run(rig);
  CHECK(rig.sent<ipc::SpoolDone>().empty());
  CHECK(disk.files.empty());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a link of sha1 below another root is content that cannot be served", "[worker][sha1]") {
  const SampleCar car(1'000, 0, hash::kSha1);
  Sha1Rig rig(Sha1::kRefused);
  Peer& client = rig.ask(car.target());
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(status_line(client.received) == "HTTP/1.1 406 Not Acceptable");
  CHECK_THAT(client.received, Contains("content_unsupported"));
  CHECK(rig.sent<ipc::SpoolDone>().empty());
}

}  // namespace daphnis::worker::test

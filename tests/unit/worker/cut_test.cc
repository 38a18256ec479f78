// Tests of answers that cannot be completed, since no other L2 carries on: before the first byte
// another answer takes the place; later the answer is cut, and never before the end of its head.

#include "tests/unit/worker/fetch/spool_rig.h"
#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

struct Cutting : Rig {
  explicit Cutting(Settings settings = {}, std::string_view version = "HTTP/1.1")
      : Rig(settings), client(connect()) {
    start_broker();
    send(client, get(car, version));
    fetch = only<ipc::Fetch>();
  }
  [[nodiscard]] std::string lie() const {
    ByteVector bytes = car.bytes;
    bytes.back() ^= 1;
    return post_with_length(bytes);
  }
  [[nodiscard]] std::string cut() const {
    return post_with_length(Bytes(car.bytes).first(car.section_ends[1]));
  }
  [[nodiscard]] std::string foreign() const {
    const SampleCar other(500);
    std::string body = text(car.bytes).substr(0, car.section_ends[1]);
    body += text(other.bytes).substr(other.section_ends[1]);
    return post_with_length(as_bytes(body));
  }
  void fail(Outcome reason = Outcome::kL2sFailed) {
    tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id, .reason = reason, .attempts = 1});
  }

  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("a stream that fails with the bytes that prove its root costs the client nothing",
          "[worker][cut]") {
  const std::string version = GENERATE("HTTP/1.1", "HTTP/1.0");
  Cutting rig({}, version);
  const auto [post, code] = GENERATE_REF(table<std::string, std::string>({
      {rig.lie(), "l2_bad_content"},
      {rig.foreign(), "l2_bad_content"},
      {rig.cut(), "l2_failed"},
  }));
  rig.hand_off(rig.fetch, post);
  CHECK(rig.client.received.empty());
  REQUIRE(rig.client.connection);
  CHECK(!rig.client.connection->end_looks_whole());
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.wants_another);
  CHECK(ended.blocks_proven > 0);
  SECTION("while another L2 has it") {
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    CHECK(status_line(rig.client.received) == "HTTP/1.1 200 OK");
    CHECK_THAT(rig.client.received, Contains(text(rig.car.bytes).substr(rig.car.section_ends[1])));
    CHECK_THAT(rig.lines.at(0), Contains("outcome=complete") && Contains("attempts=2") &&
                                    Contains("l2=l2-2") && !Contains("failure="));
  }
  SECTION("but the truth, where no other has it") {
    rig.fail();
    CHECK(status_line(rig.client.received) == "HTTP/1.1 502 Bad Gateway");
    CHECK_THAT(rig.client.received, Contains("\"code\":\"" + code + "\""));
    CHECK_THAT(rig.lines.at(0), Contains("status=502") && Contains("failure=" + code));
  }
  CHECK(rig.worker.stats().aborted == 0);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("content beyond a budget is told to be so although its root was proven",
          "[worker][cut]") {
  Settings settings;
  settings.budget.output_bytes_max = 1'500;
  Cutting rig(settings);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(status_line(rig.client.received) == "HTTP/1.1 410 Gone");
  CHECK_THAT(rig.client.received, Contains("content_too_large"));
  CHECK(!rig.only<ipc::AttemptEnded>().wants_another);
  CHECK(rig.client.connection);
}

TEST_CASE("an answer that is cut after its first byte is cut behind its head", "[worker][cut]") {
  Cutting rig;
  rig.client.space = 1;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Content-Length: 5000\r\n") +
                                         text(rig.car.bytes).substr(0, rig.car.section_ends[1]));
  CHECK(rig.client.received == "H");
  rig.lose(l2);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  CHECK(rig.worker.stats().aborted == 0);
  rig.fail();
  REQUIRE(rig.client.connection);
  CHECK(rig.worker.stats().aborted == 1);
  SECTION("as its client takes it") {
    for (int i = 0; i < 5'000 && rig.client.connection; ++i) rig.give_space(rig.client, 1);
    CHECK_THAT(rig.client.received, StartsWith("HTTP/1.1 200 OK\r\n") && EndsWith("\r\n\r\n"));
    CHECK(rig.client.received.find("\r\n\r\n") == rig.client.received.size() - 4);
  }
  SECTION("unless its client takes none of it") {
    rig.pass_time(limits::kLingerMs);
  }
  SECTION("unless its client goes") {
    rig.lose(rig.client);
  }
  CHECK(rig.client.ending == Ending::kClose);
}

TEST_CASE("an HTTP/1.0 answer that is cut after its first byte has its head before the reset",
          "[worker][cut]") {
  Cutting rig({}, "HTTP/1.0");
  rig.client.space = 1;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Content-Length: 5000\r\n") +
                                         text(rig.car.bytes).substr(0, rig.car.section_ends[1]));
  rig.lose(l2);
  rig.fail();
  SECTION("which its client takes") {
    rig.give_space(rig.client, SIZE_MAX);
    CHECK_THAT(rig.client.received, EndsWith("\r\n\r\n"));
  }
  SECTION("which its client does not take") {
    REQUIRE(rig.client.connection->end_looks_whole());
    rig.pass_time(limits::kLingerMs);
  }
  CHECK(rig.client.ending == Ending::kReset);
}

TEST_CASE("what was spooled of a stream that failed is not what is stored", "[worker][cut]") {
  SpoolRig rig;
  rig.admission = ipc::Admission::kYes;
  rig.first.space = 0;
  Peer& l2 = rig.stream_slowly();
  const auto spoiled = rig.grant_reservation();
  rig.disk.run(rig);
  rig.lose(l2);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  rig.disk.run(rig);
  CHECK(rig.only<ipc::SpoolGone>().spool == spoiled.spool);
  CHECK(rig.disk.files.empty());

  Peer& other = rig.stream_slowly();
  const auto reserve = rig.grant_reservation();
  CHECK(reserve.spool != spoiled.spool);
  rig.disk.run(rig);
  rig.finish(other, 2);
  while (!rig.sent<ipc::SpoolReserve>().empty()) {
    rig.tell(ipc::SpoolReserved{reserve.spool, 1'000'000, ipc::SpoolPlace::kCache});
  }
  rig.disk.run(rig);
  CHECK(rig.only<ipc::SpoolDone>().spool == reserve.spool);
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a fetch that no L2 carries on with fails for its readers and the cache alike",
          "[worker][cut]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& l2 = rig.stream(2);
  rig.grant_reservation();
  rig.disk.run(rig);
  rig.lose(l2);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .reason = Outcome::kL2sFailed});
  CHECK(rig.first.ending == Ending::kClose);
  rig.disk.run(rig);
  CHECK(rig.disk.files.empty());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a raw block that is cut is asked of the next L2", "[worker][cut]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + car.root.text() + "?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n");
  const auto fetch = rig.only<ipc::Fetch>();
  rig.hand_off(fetch, post_with_length(Bytes(car.bytes).first(car.section_ends[0] - 1)));
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  rig.hand_off(fetch, post_with_length(Bytes(car.bytes).first(car.section_ends[0])));
  CHECK_THAT(client.received, StartsWith("HTTP/1.1 200 OK") && Contains("Content-Length: 83\r\n"));
}

TEST_CASE("a worker that must leave tells those who still wait", "[worker][cut]") {
  Cutting rig;
  const SampleCar other(1'500);
  Peer& half = rig.connect();
  rig.send(half, get(other));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_head("Content-Length: 5000\r\n") +
                                                      text(other.bytes).substr(0, 1'000));
  CHECK_THAT(half.received, StartsWith("HTTP/1.1 200 OK"));
  rig.worker.drain(rig.now_ms);
  rig.worker.leave(rig.now_ms);
  rig.after_input();
  CHECK(status_line(rig.client.received) == "HTTP/1.1 503 Service Unavailable");
  CHECK_THAT(rig.client.received,
             Contains("\"code\":\"draining\"") && Contains("Retry-After: 1\r\n"));
  CHECK(rig.client.ending == Ending::kClose);
  CHECK(half.ending == Ending::kClose);
  CHECK(!half.received.ends_with("\r\n0\r\n\r\n"));
  CHECK_THAT(l2.received, StartsWith("HTTP/1.1 410 "));
}

TEST_CASE("a worker that must leave tells those who wait for the cache to come again",
          "[worker][cut]") {
  MemoryCache cache;
  cache.is_cold = true;
  Rig rig;
  rig.worker.set_cache_reads(cache);
  rig.start_broker("/cache");
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK(rig.sent<ipc::Fetch>().empty());
  CHECK(client.received.empty());
  rig.worker.leave(rig.now_ms);
  rig.after_input();
  CHECK(status_line(client.received) == "HTTP/1.1 503 Service Unavailable");
  CHECK_THAT(client.received, Contains("\"code\":\"draining\"") && Contains("Retry-After: 1\r\n") &&
                                  Contains("Connection: close\r\n"));
  REQUIRE(rig.lines.size() == 1);
  CHECK_THAT(rig.lines[0], Contains("failure=draining") && Contains("outcome=complete"));
}

}  // namespace daphnis::worker::test

#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

using Catch::Matchers::Contains;

namespace {

/// The status that the client gets when the only L2 has sent `post` and the broker knows no other.
std::string answer_to(const SampleCar& car, const std::string& post, Settings settings = {}) {
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  rig.hand_off(fetch, post);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
  rig.tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id, .reason = Outcome::kL2sFailed});
  return client.received;
}

/// The client of an edge with a broker, who asks for a path that the content does not have.
Peer& ask_for_no_path(Rig& rig, const SampleCar& car) {
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + car.root.text() + "/7?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
  return client;
}

/// The offset of the root's section.
size_t section_begin(const SampleCar& car) {
  return 1 + car.bytes[0];  // The header's length fits one byte.
}

}  // namespace

TEST_CASE("an L2 that lies about a length or a hash does not speak for the content", "[worker]") {
  const SampleCar car;
  const size_t begin = section_begin(car);
  ByteVector too_long = car.bytes;
  for (size_t i = 0; i < 4; ++i) too_long[begin + i] = 0xff;
  CHECK_THAT(answer_to(car, post_with_length(too_long)),
             Contains("HTTP/1.1 502") && Contains("\"code\":\"l2_bad_content\""));

  ByteVector other_hash = car.bytes;
  const Bytes cid = car.root.bytes();
  const auto at = std::search(other_hash.begin() + static_cast<long>(begin), other_hash.end(),
                              cid.begin(), cid.end());
  REQUIRE(at != other_hash.end());
  at[2] = 0x11;  // sha1
  CHECK_THAT(answer_to(car, post_with_length(other_hash)),
             Contains("HTTP/1.1 502") && Contains("\"code\":\"l2_bad_content\""));
}

TEST_CASE("proven content beyond a budget is told to be too large and is no fault of the L2",
          "[worker]") {
  const SampleCar car;
  Settings settings;
  settings.budget.output_bytes_max = 100;
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK_THAT(client.received, Contains("HTTP/1.1 410") && Contains("content_too_large"));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kComplete);
  CHECK(!ended.wants_another);
  CHECK_THAT(l2.received, Catch::Matchers::StartsWith("HTTP/1.1 200 OK"));
  CHECK(rig.worker.stats().verify_failures == 0);
}

TEST_CASE("a path that proven blocks do not have is the content's fault", "[worker]") {
  const SampleCar car;
  Rig rig;
  const Peer& client = ask_for_no_path(rig, car);
  rig.hand_off(rig.only<ipc::Fetch>(),
               post_with_length(Bytes(car.bytes).first(car.section_ends[0])));
  CHECK_THAT(client.received, Contains("HTTP/1.1 404") && Contains("path_not_found"));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kComplete);
  CHECK(!ended.wants_another);
  CHECK(ended.proves_path_missing);
}

TEST_CASE("the broker's word that a path is missing is the content's fault too", "[worker]") {
  const SampleCar car;
  Rig rig;
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + car.root.text() + "/7?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
  const auto fetch = rig.only<ipc::Fetch>();
  rig.tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id, .reason = Outcome::kPathNotFound});
  CHECK_THAT(client.received, Contains("HTTP/1.1 404") && Contains("path_not_found"));
}

TEST_CASE("where sha1 is served no missing path is proven once and for all", "[worker]") {
  const SampleCar car;
  Settings settings;
  settings.budget.sha1 = Sha1::kAllowed;
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + car.root.text() + "/7?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
  rig.hand_off(rig.only<ipc::Fetch>(),
               post_with_length(Bytes(car.bytes).first(car.section_ends[0])));
  CHECK_THAT(client.received, Contains("path_not_found"));
  CHECK_FALSE(rig.only<ipc::AttemptEnded>().proves_path_missing);
}

TEST_CASE("zero bytes after a CAR are padding and no lie", "[worker]") {
  const SampleCar car;
  Rig rig;
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  ByteVector padded = car.bytes;
  SECTION("to the end of the body") {
    padded.resize(padded.size() + 5'000);
    Peer& l2 = rig.hand_off(fetch, post_with_length(padded));
    CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
    CHECK(l2.ending == Ending::kGiveBack);
  }
  SECTION("in pieces, up to a bound that ends the reading") {
    Peer& l2 = rig.hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") + chunk(padded));
    const ByteVector zeros(limits::kDrainBytesMax / 4);
    for (int i = 0; i < 4; ++i) rig.send(l2, chunk(zeros));
    CHECK(rig.sent<ipc::AttemptEnded>().empty());
    CHECK(l2.received.empty());
    rig.send(l2, chunk(Bytes(zeros).first(1)));
    CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
    CHECK_THAT(l2.received, Contains("Connection: close"));
  }
  SECTION("that comes too slowly") {
    Peer& l2 = rig.hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") + chunk(padded));
    rig.send(l2, chunk(ByteVector(1)));
    rig.pass_time(limits::kL2TailMs);
    CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  }
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(dechunked(client.received) == text(car.bytes));
  CHECK(rig.worker.stats().verify_failures == 0);
}

TEST_CASE("what follows the padding is a lie", "[worker]") {
  const SampleCar car;
  Rig rig;
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  ByteVector padded = car.bytes;
  padded.resize(padded.size() + 100);
  padded.push_back(1);
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(padded));
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK(l2.received.find("Daphnis-Reason: lied\r\n") != std::string::npos);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
}

TEST_CASE("an L2 that proves that there is no such path has decided it and keeps its connection",
          "[worker]") {
  const SampleCar car;
  const size_t root_end = car.section_ends[0];
  const bool is_legacy = GENERATE(false, true);
  const bool is_one_read = GENERATE(true, false);
  Rig rig;
  const Peer& client = ask_for_no_path(rig, car);
  const auto fetch = rig.only<ipc::Fetch>();
  // A v2 L2 sends the root alone, a deployed one all it has.
  const Bytes body = Bytes(car.bytes).first(is_legacy ? car.bytes.size() : root_end);
  const std::string post = post_with_length(body);
  const size_t first = is_one_read ? post.size() : post.size() - body.size() + root_end;
  Peer& l2 = rig.hand_off(fetch, post.substr(0, first),
                          is_legacy ? StreamShape::kWholeDag : StreamShape::kExact);
  CHECK(status_line(client.received) == "HTTP/1.1 404 Not Found");
  CHECK_THAT(client.received, Contains("path_not_found"));
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  const bool is_whole = is_one_read || !is_legacy;
  CHECK((l2.ending == Ending::kGiveBack) == is_whole);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kComplete);
  CHECK_FALSE(ended.wants_another);
}

TEST_CASE("what is proven of a path holds, whatever the L2 sends behind it", "[worker]") {
  const SampleCar car;
  Rig rig;
  const Peer& client = ask_for_no_path(rig, car);
  const Bytes root = Bytes(car.bytes).first(car.section_ends[0]);
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", root.size(), as_text(root));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(),
                          post_head("Transfer-Encoding: chunked\r\n") + chunk + "no size\r\n");
  CHECK_THAT(client.received, Contains("HTTP/1.1 404") && Contains("path_not_found"));
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
}

TEST_CASE("repeats that lie too far back are not the fault of the L2 that leaves them out",
          "[worker]") {
  const SampleCar car(1'000, 3);
  Settings settings;
  settings.budget.repeat_bytes_max = 100;
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, "GET " + car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  const auto fetch = rig.only<ipc::Fetch>();
  Peer& l2 = rig.hand_off(fetch, post_with_length(car.bytes), StreamShape::kWholeDag);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kHandOffLost);
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.worker.stats().verify_failures == 0);
}

}  // namespace daphnis::worker::test

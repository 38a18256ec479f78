#include <algorithm>

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

using Catch::Matchers::Contains;

namespace {

std::string get(const SampleCar& car) {
  return "GET " + car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n";
}

/// What the client is told when the only L2 has answered `post` and the broker knows no other.
std::string answer_to(const SampleCar& car, const std::string& post, Settings settings = {}) {
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  rig.hand_off(fetch, post);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == ipc::AttemptOutcome::kVerifyFailed);
  rig.tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id, .reason = ipc::FetchFailure::kFailed});
  return client.received;
}

/// Where the root's section begins.
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
  CHECK(ended.outcome == ipc::AttemptOutcome::kComplete);
  CHECK(!ended.wants_another);
  CHECK_THAT(l2.received, Catch::Matchers::StartsWith("HTTP/1.1 200 OK"));
  CHECK(rig.worker.stats().verify_failures == 0);
}

TEST_CASE("a path that proven blocks do not have is the content's fault", "[worker]") {
  const SampleCar car;
  Rig rig;
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, "GET /ipfs/" + car.root.text() + "/7?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
  rig.hand_off(rig.only<ipc::Fetch>(),
               post_with_length(Bytes(car.bytes).first(car.section_ends[0])));
  CHECK_THAT(client.received, Contains("HTTP/1.1 404") && Contains("path_not_found"));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == ipc::AttemptOutcome::kComplete);
  CHECK(!ended.wants_another);
}

}  // namespace daphnis::worker::test

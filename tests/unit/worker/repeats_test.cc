// Tests of dups=y where the L2 omits repeats: the worker puts them out from proven blocks.

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

constexpr size_t kLeafBytes = 1'000;
constexpr size_t kRepeats = 3'000;  // The output of several calls.

/// The CAR with its last section as often as the list names it.
std::string with_repeats(const SampleCar& car) {
  std::string out = text(car.bytes);
  const std::string last = out.substr(car.section_ends[1]);
  for (size_t i = 0; i < kRepeats; ++i) out += last;
  return out;
}

/// Settings by which waiting output waits in the client's queue alone.
Settings without_window() {
  Settings settings;
  settings.fetch_window_bytes = 0;
  return settings;
}

struct Repeating : Rig {
  Repeating() : Rig(without_window()), car(kLeafBytes, kRepeats), client(connect()) {
    start_broker();
    send(client, "GET " + car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
    fetch = only<ipc::Fetch>();
  }
  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("repeats that the L2 omits are put out from memory", "[worker][repeats]") {
  Repeating rig;
  const auto shape = GENERATE(StreamShape::kExact, StreamShape::kWholeDag);
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes), shape);
  rig.pass_time(1);
  CHECK(dechunked(rig.client.received) == with_repeats(rig.car));
  CHECK(l2.ending == Ending::kGiveBack);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
}

TEST_CASE("repeats go out no faster than the client takes them", "[worker][repeats]") {
  Repeating rig;
  rig.client.space = 0;
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes), StreamShape::kWholeDag);
  // The message was read to its end, but the repeats go out before the L2 gets its reply.
  rig.pass_time(60'000);
  CHECK(l2.received.empty());
  CHECK(rig.worker.stats().fetches == 1);
  SECTION("until all are out") {
    while (l2.connection) {
      rig.give_space(rig.client, 100'000);
      rig.pass_time(1);
    }
    CHECK(l2.ending == Ending::kGiveBack);
  }
  SECTION("whether or not the L2 stays") {
    rig.end(l2);
    CHECK(l2.connection);
  }
  rig.give_space(rig.client, SIZE_MAX);
  rig.pass_time(1);
  CHECK(dechunked(rig.client.received) == with_repeats(rig.car));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a client may leave in the middle of repeats", "[worker][repeats]") {
  Repeating rig;
  rig.client.space = 10'000;
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes), StreamShape::kWholeDag);
  rig.lose(rig.client);
  CHECK_THAT(l2.received, Catch::Matchers::StartsWith("HTTP/1.1 410 "));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
}

}  // namespace daphnis::worker::test

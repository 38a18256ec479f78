// Tests of what the broker is told of the bytes that each L2 brought.

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

/// A client whose answer comes from L2s "l2-1", "l2-2" and so on.
struct Mixed : Rig {
  Mixed() : client(connect()) {
    start_broker();
    send(client, get(car));
    fetch = only<ipc::Fetch>();
  }
  /// The next L2 sends the first `bytes` bytes of the CAR.
  Peer& begin(size_t bytes) {
    return hand_off(fetch,
                    post_head("Content-Length: " + std::to_string(car.bytes.size()) + "\r\n") +
                        text(car.bytes).substr(0, bytes));
  }

  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("an attempt's used bytes are those that it brought first", "[worker][sources]") {
  Mixed rig;
  const size_t first = rig.car.section_ends[1];
  rig.lose(rig.begin(first + 10));
  const auto cut = rig.only<ipc::AttemptEnded>();
  CHECK(cut.used_bytes == first);
  CHECK(cut.body_bytes == first + 10);
  SECTION("not those that came before") {
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    const auto whole = rig.only<ipc::AttemptEnded>();
    CHECK(whole.body_bytes == rig.car.bytes.size());
    CHECK(whole.used_bytes == rig.car.bytes.size() - first);
    CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  }
  SECTION("none where it brings nothing new") {
    rig.lose(rig.begin(first));
    CHECK(rig.only<ipc::AttemptEnded>().used_bytes == 0);
  }
}

TEST_CASE("no bytes of an attempt are used where the output begins anew", "[worker][sources]") {
  Mixed rig;
  ByteVector lie(rig.car.bytes);
  lie.back() ^= 1;
  rig.hand_off(rig.fetch, post_with_length(lie));
  CHECK(rig.client.received.empty());
  CHECK(rig.only<ipc::AttemptEnded>().used_bytes == 0);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(rig.only<ipc::AttemptEnded>().used_bytes == rig.car.bytes.size());
  CHECK_THAT(rig.lines.at(0), Contains(" l2=l2-2 attempts=2 "));
}

}  // namespace daphnis::worker::test

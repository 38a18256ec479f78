#include "common/base/limits.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

constexpr std::string_view kNothing = "GET /nothing HTTP/1.1\r\nHost: edge\r\n\r\n";

std::string post_of(const SampleCar& car) {
  return post_with_length(car.bytes);
}

}  // namespace

TEST_CASE("a worker that drains finishes what is under way and then its clients go",
          "[worker][drain]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& busy = rig.connect();
  Peer& idle = rig.connect();
  rig.send(idle, kNothing);
  CHECK(idle.connection);
  rig.send(busy, get(car));
  rig.tell(ipc::Broadcast{.broadcast_id = 9, .verb = ipc::BroadcastVerb::kDrain, .argument = ""});
  CHECK(rig.only<ipc::BroadcastDone>().broadcast_id == 9);
  CHECK(rig.worker.is_draining());

  rig.hand_off(rig.only<ipc::Fetch>(), post_of(car));
  CHECK(dechunked(busy.received) == text(car.bytes));
  rig.pass_time(Settings{}.drain_idle_ms - 1);
  CHECK(idle.connection);
  CHECK(busy.connection);  // A chunked answer does not tell that it is the last one.
  rig.pass_time(1);
  CHECK(idle.ending == Ending::kClose);
  CHECK(busy.ending == Ending::kClose);
  CHECK(rig.worker.is_empty());
}

TEST_CASE("an idle client of a worker that drains gets one more answer and is told so",
          "[worker][drain]") {
  Rig rig;
  Peer& client = rig.connect();
  SECTION("that has asked before") {
    rig.send(client, kNothing);
    CHECK_THAT(client.received, !Contains("Connection: close"));
    client.received.clear();
  }
  SECTION("that came a moment ago") {}
  rig.worker.drain(rig.now_ms);
  rig.pass_time(Settings{}.drain_idle_ms - 1);
  REQUIRE(client.connection);
  rig.send(client, kNothing);
  CHECK(status_line(client.received) == "HTTP/1.1 404 Not Found");
  CHECK_THAT(client.received, Contains("Connection: close"));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a client that was promised another answer before the drain gets it", "[worker][drain]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  client.space = 100;  // The answer's head is made, which promises that the connection stays open.
  rig.send(client, get(car));
  rig.hand_off(rig.only<ipc::Fetch>(), post_of(car));
  rig.worker.drain(rig.now_ms);
  rig.give_space(client, SIZE_MAX);
  CHECK(dechunked(client.received) == text(car.bytes));
  REQUIRE(client.connection);
  client.received.clear();
  rig.send(client, kNothing);
  CHECK_THAT(client.received, Contains("Connection: close"));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a client that comes during the drain has one answer", "[worker][drain]") {
  Rig rig;
  rig.worker.drain(rig.now_ms);
  Peer& asks = rig.connect();
  Peer& silent = rig.connect();
  rig.send(asks, kNothing);
  CHECK_THAT(asks.received, Contains("Connection: close"));
  CHECK(asks.ending == Ending::kClose);
  rig.pass_time(Settings{}.drain_idle_ms);
  CHECK(silent.ending == Ending::kClose);
  CHECK(rig.worker.is_empty());
}

}  // namespace daphnis::worker::test

// Tests of what a worker does after an input, apart from its connections.

#include "tests/unit/worker/driver/fake_socket.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

constexpr std::string_view kNothing = "GET /nothing HTTP/1.1\r\nHost: edge\r\n\r\n";

/// A worker with one client that waits for a fetch.
struct Waiting : Rig {
  explicit Waiting(Settings settings = {}) : Rig(settings), client(connect()) {
    start_broker();
    send(client, get(car));
    fetch = only<ipc::Fetch>();
  }
  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("a socket that is not the one its message announces is closed", "[driver]") {
  Wire wire;
  Waiting rig;
  ipc::Handoff handoff;
  handoff.fetch_id = rig.fetch.fetch_id;
  handoff.attempt_id.fill(1);
  handoff.attempt_number = 1;
  handoff.l2_id = "l2";
  const std::string head = post_head("Content-Length: 5000\r\n");
  handoff.received.assign(head.begin(), head.end());
  SECTION("another one came") {
    handoff.cookie = 2;
  }
  SECTION("its own one came") {
    handoff.cookie = 1;
  }
  const bool is_own = handoff.cookie == 1;
  CHECK(rig.driver.on_broker_message(handoff, std::make_unique<FakeSocket>(wire), rig.now_ms));
  CHECK(wire.is_closed != is_own);
  CHECK(rig.driver.sockets() == (is_own ? 2 : 1));
  const auto ended = rig.sent<ipc::AttemptEnded>();
  CHECK(ended.empty() == is_own);
  if (!is_own) CHECK(ended.at(0).outcome == Outcome::kHandOffLost);
}

TEST_CASE("a client for whom no place is left is closed", "[driver]") {
  Wire wire;
  Settings settings;
  settings.clients_max = 1;
  Waiting rig(settings);
  rig.driver.on_client(std::make_unique<FakeSocket>(wire), "192.0.2.8", rig.now_ms);
  CHECK(wire.is_closed);
  CHECK(rig.client.connection);
}

TEST_CASE("one access line in so many is written", "[driver]") {
  const auto [every, lines] =
      GENERATE(table<uint32_t, size_t>({{0U, 0U}, {1U, 5U}, {2U, 3U}, {9U, 1U}}));
  Rig rig({}, every);
  Peer& client = rig.connect();
  for (int i = 0; i < 5; ++i) rig.send(client, kNothing);
  CHECK(rig.lines.size() == lines);
}

TEST_CASE("a worker that drains stops when nothing is left to do", "[driver]") {
  Waiting rig;
  rig.driver.drain(rig.now_ms);
  CHECK(rig.stops == 0);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  rig.pass_time(Settings{}.drain_idle_ms);
  CHECK(rig.client.ending == Ending::kClose);
  CHECK(rig.stops > 0);
}

TEST_CASE("a worker that drains stops after its time whatever is left to do", "[driver]") {
  Settings settings;
  settings.drain_ms = 1'500;
  Waiting rig(settings);
  rig.driver.drain(rig.now_ms);
  rig.pass_time(1'000);
  rig.driver.drain(rig.now_ms);  // The time is counted from the first call.
  rig.pass_time(499);
  CHECK(rig.stops == 0);
  rig.pass_time(1);
  CHECK(rig.stops > 0);
  CHECK(status_line(rig.client.received) == "HTTP/1.1 503 Service Unavailable");
}

TEST_CASE("a worker that is told twice to end stops at once", "[driver]") {
  Waiting rig;
  rig.driver.on_end_asked(rig.now_ms);
  CHECK(rig.worker.is_draining());
  CHECK(rig.stops == 0);
  rig.driver.on_end_asked(rig.now_ms);
  CHECK(rig.stops == 1);
}

TEST_CASE("the statistics have what the system says of the process", "[driver]") {
  Waiting rig;
  rig.driver.on_tick(1'700'000'001, {.descriptors = 5, .rss_bytes = 6, .log_lines_dropped = 7},
                     rig.now_ms);
  const auto stats = rig.only<ipc::WorkerStats>();
  CHECK(stats.clients == 1);
  CHECK(stats.descriptors == 5);
  CHECK(stats.rss_bytes == 6);
  CHECK(stats.log_lines_dropped == 7);
}

}  // namespace daphnis::worker::test

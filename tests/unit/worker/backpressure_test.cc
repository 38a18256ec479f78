#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

Settings with_high_mark(size_t bytes) {
  Settings settings;
  settings.output_high_bytes = bytes;
  settings.fetch_window_bytes = 0;
  settings.yield_after_ms = 1'000'000'000;  // L2s keep their places.
  return settings;
}

/// A client whose kernel takes nothing, and an L2 that has sent the whole CAR except its last leaf.
struct Stuck : Rig {
  explicit Stuck(Settings settings) : Rig(settings), car(4'000), client(connect()) {
    start_broker();
    send(client, get(car));
    client.space = 0;
    l2 = &hand_off(only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n") +
                                           chunk(Bytes(car.bytes).first(car.section_ends[1])));
  }
  [[nodiscard]] Bytes rest() const { return Bytes(car.bytes).subspan(car.section_ends[1]); }

  SampleCar car;
  Peer& client;
  Peer* l2 = nullptr;
};

}  // namespace

TEST_CASE("a client that takes nothing stops the reading of its L2 at the high mark", "[worker]") {
  SECTION("above it") {
    Stuck rig(with_high_mark(4'000));
    CHECK(!rig.l2->connection->wants_input());
  }
  SECTION("below it") {
    Stuck rig(with_high_mark(5'000));
    CHECK(rig.l2->connection->wants_input());
  }
}

TEST_CASE("reading goes on once the queue has fallen to half of the high mark", "[worker]") {
  Stuck rig(with_high_mark(4'000));
  const size_t queued = rig.car.section_ends[1];
  // The head goes first, and its size is known once it is out.
  rig.give_space(rig.client, 1);
  while (!Contains("\r\n\r\n").match(rig.client.received)) rig.give_space(rig.client, 1);
  rig.give_space(rig.client, queued - 2'100);
  CHECK(!rig.l2->connection->wants_input());
  rig.give_space(rig.client, 200);
  CHECK(rig.l2->connection->wants_input());
  rig.give_space(rig.client, SIZE_MAX);
  rig.send(*rig.l2, chunk(rig.rest()) + "0\r\n\r\n");
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("the stall clock stands still while the client is what is waited for", "[worker]") {
  Stuck rig(with_high_mark(4'000));
  rig.pass_time(3'600'000);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.give_space(rig.client, SIZE_MAX);
  SECTION("and runs again afterwards") {
    rig.pass_time(29'999);
    CHECK(rig.sent<ipc::AttemptEnded>().empty());
    rig.pass_time(1);
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kStalled);
    CHECK(status_line(rig.l2->received) == "HTTP/1.1 408 Request Timeout");
  }
  SECTION("so that the stream can be finished") {
    rig.send(*rig.l2, chunk(rig.rest()) + "0\r\n\r\n");
    CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  }
}

TEST_CASE("a client slower than the least rate is cut off with a reset", "[worker]") {
  Settings settings = with_high_mark(4'000);
  settings.client_rate_window_ms = 10'000;
  settings.client_rate_min = 100;
  Stuck rig(settings);
  const auto pass_seconds = [&](int seconds, size_t bytes_a_second) {
    for (int i = 0; i < seconds && rig.client.connection; ++i) {
      rig.pass_time(1'000);
      rig.give_space(rig.client, bytes_a_second);
      if (rig.client.connection) rig.client.connection->on_unsent(0, rig.now_ms);
      rig.give_space(rig.client, 0);
    }
  };
  SECTION("a slow one stays") {
    pass_seconds(30, 110);
    CHECK(rig.client.connection);
  }
  SECTION("a slower one goes") {
    pass_seconds(30, 90);
    CHECK(rig.client.ending == Ending::kReset);
    CHECK_THAT(rig.lines.at(0), Contains("outcome=client_slow"));
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
  }
}

TEST_CASE("what the kernel holds for a client does not count as taken", "[worker]") {
  Settings settings;
  settings.client_rate_window_ms = 10'000;
  settings.client_rate_min = 100;
  Stuck rig(settings);
  rig.give_space(rig.client, 4'000);
  for (int i = 0; i < 12 && rig.client.connection; ++i) {
    rig.client.connection->on_unsent(4'000, rig.now_ms);
    rig.give_space(rig.client, 0);
    rig.pass_time(1'000);
  }
  CHECK(rig.client.ending == Ending::kReset);
}

TEST_CASE("an L2 that sends next to nothing is given up", "[worker]") {
  Settings settings;
  settings.l2_rate_min = 10;
  Rig rig(settings);
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 =
      rig.hand_off(rig.only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n") +
                                               chunk(Bytes(car.bytes).first(car.section_ends[0])));
  const size_t bytes = GENERATE(size_t{4}, size_t{20});
  for (size_t i = 0; i < 40 && !l2.is_half_closed; ++i) {
    rig.pass_time(1'000);
    if (l2.is_half_closed) break;
    rig.send(l2, chunk(Bytes(car.bytes).subspan(car.section_ends[0] + i * bytes, bytes)));
  }
  CHECK(l2.is_half_closed == (bytes == 4));
}

TEST_CASE("an L2 has its time for the first proven block and no more", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 9; ++i) {
    rig.pass_time(1'000);
    rig.send(l2, chunk(Bytes(car.bytes).subspan(static_cast<size_t>(i), 1)));
  }
  rig.pass_time(999);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.pass_time(1);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kStalled);
  CHECK(ended.wants_another);
}

}  // namespace daphnis::worker::test

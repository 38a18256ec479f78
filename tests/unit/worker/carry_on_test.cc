// Tests of answers whose source ends early: the next one carries on, and no client sees a seam.

#include "tests/unit/worker/fetch/spool_rig.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// A client in the middle of its answer.
struct Half : Rig {
  explicit Half(Settings settings = {}) : Rig(settings), client(connect()) {
    start_broker();
    send(client, get(car));
    fetch = only<ipc::Fetch>();
  }
  /// Hands off a stream that has come as far as the first `bytes` bytes of the CAR.
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

TEST_CASE("an L2 that breaks off anywhere is carried on from by the next", "[worker][carry]") {
  const SampleCar car(100);
  const size_t cut = GENERATE_COPY(range(car.section_ends[0], car.bytes.size()));
  const StreamShape shape = GENERATE(StreamShape::kExact, StreamShape::kWholeDag);
  Rig rig;
  rig.start_broker();
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  Peer& l2 =
      rig.hand_off(fetch, post_head("Content-Length: 5000\r\n") + text(car.bytes).substr(0, cut));
  rig.lose(l2);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kAborted);
  CHECK(ended.wants_another);
  rig.hand_off(fetch, post_with_length(car.bytes), shape);
  CHECK(dechunked(client.received) == text(car.bytes));
  CHECK(count(client.received, "HTTP/1.1 200 OK") == 1);
  CHECK(rig.worker.stats().aborted == 0);
  CHECK(rig.worker.stats().fetches == 0);
  CHECK_THAT(rig.lines.at(0), Contains("outcome=complete") && Contains("attempts=2"));
}

TEST_CASE("an L2 that lies in mid-stream is carried on from by the next", "[worker][carry]") {
  Half rig;
  Peer& l2 = rig.begin(rig.car.section_ends[1]);
  CHECK_THAT(rig.client.received, StartsWith("HTTP/1.1 200 OK\r\n"));
  ByteVector rest(rig.car.bytes.begin() + static_cast<long>(rig.car.section_ends[1]),
                  rig.car.bytes.end());
  rest.back() ^= 1;
  rig.send(l2, rest);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kLied);
  CHECK(ended.wants_another);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("an L2 that stands still is carried on from by the next", "[worker][carry]") {
  Half rig;
  rig.begin(rig.car.section_ends[1]);
  rig.pass_time(Settings().l2_idle_ms);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kStalled);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("many L2s that each bring a little more make one answer", "[worker][carry]") {
  Half rig;
  for (const size_t end : rig.car.section_ends) {
    if (end == rig.car.bytes.size()) break;
    rig.lose(rig.begin(end));
    // One that has less than what is out already changes nothing.
    rig.lose(rig.begin(rig.car.section_ends[0]));
  }
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("readers who have got nothing, something and much are carried on with alike",
          "[worker][carry]") {
  Half rig;
  Peer& nothing = rig.connect();
  nothing.space = 0;
  rig.send(nothing, get(rig.car));
  rig.lose(rig.begin(rig.car.section_ends[1]));
  Peer& late = rig.connect();
  rig.send(late, get(rig.car));
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  rig.give_space(nothing, SIZE_MAX);
  for (const Peer* client : {&rig.client, &nothing, &late}) {
    CHECK(dechunked(client->received) == text(rig.car.bytes));
  }
}

TEST_CASE("an answer that has begun waits for the next L2 as long as one for its first byte",
          "[worker][carry]") {
  Half rig;
  rig.pass_time(Settings().request_ms - 1);
  Peer& l2 = rig.begin(rig.car.section_ends[1]);
  rig.pass_time(1'000);
  rig.lose(l2);
  rig.pass_time(Settings().request_ms - 1);
  CHECK(rig.client.connection);
  SECTION("which comes in time") {
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  }
  SECTION("and is cut when none has come") {
    rig.pass_time(limits::kDeadlineGraceMs + 1);
    CHECK(rig.client.ending == Ending::kClose);
    CHECK_THAT(rig.lines.at(0), Contains("failure=deadline"));
  }
}

TEST_CASE("an answer that has begun outlives its L2 and its broker", "[worker][carry]") {
  Half rig;
  Peer& l2 = rig.begin(rig.car.section_ends[1]);
  rig.stop_broker();
  rig.lose(l2);
  rig.pass_time(2 * Settings().broker_wait_ms);
  rig.start_broker();
  const auto again = rig.only<ipc::Fetch>();
  CHECK(again.must_not_join);
  rig.hand_off(again, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("a spool that has begun is carried on with, for the cache and for who reads along",
          "[worker][carry]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& l2 = rig.stream(2);
  const auto reserve = rig.grant_reservation();
  rig.disk.run(rig);
  rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
  const bool has_readers = GENERATE(true, false);
  if (!has_readers) rig.lose(rig.first);
  rig.sent<ipc::FetchProgress>();
  rig.lose(l2);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  CHECK(rig.sent<ipc::FetchProgress>().empty());
  CHECK(rig.sent<ipc::SpoolGone>().empty());

  rig.stream_all();
  while (!rig.sent<ipc::SpoolReserve>().empty()) {
    rig.tell(ipc::SpoolReserved{reserve.spool, 10'000'000, ipc::SpoolPlace::kCache});
  }
  rig.disk.run(rig);
  const auto progress = rig.sent<ipc::FetchProgress>();
  REQUIRE(!progress.empty());
  CHECK(progress.back().state == ipc::JoinState::kWhole);
  CHECK(progress.back().bytes == rig.car.bytes.size());
  CHECK(rig.only<ipc::SpoolDone>().spool == reserve.spool);
  if (has_readers) CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a source that catches up is paused with the readers' queue full, and goes on",
          "[worker][carry]") {
  SpoolRig rig;
  rig.first.space = 10;
  Peer& l2 = rig.stream_slowly();
  rig.lose(l2);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  rig.stream_all();
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
}

}  // namespace daphnis::worker::test

// Tests of answers whose source ends early: the next one carries on, and no client sees a seam.

#include "tests/unit/worker/fetch/spool_rig.h"
#include "tests/unit/worker/half_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

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

TEST_CASE("a stream whose L2 is let in no more is carried on from by the next", "[worker][carry]") {
  Half rig;
  Peer& l2 = rig.begin(rig.car.section_ends[1]);
  rig.tell(ipc::EndAttempt{rig.only<ipc::HandoffTaken>().attempt_id});
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kCancelled);
  CHECK(ended.wants_another);
  CHECK_THAT(l2.received, StartsWith("HTTP/1.1 410 "));
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
  SECTION("and is cut in the same time where those that come bring nothing more") {
    rig.lose(rig.begin(0));
    rig.lose(rig.begin(rig.car.section_ends[0]));
    CHECK(rig.client.connection);
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

TEST_CASE("the next L2 is told where the answer has come to, and may begin there",
          "[worker][carry]") {
  Half rig;
  const size_t sections = GENERATE(size_t{1}, size_t{2});
  // The last block came in part.
  rig.lose(rig.begin(rig.car.section_ends[sections - 1] + 10));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.resume.skip == sections);
  const auto next = Cid::from_bytes(ended.resume.next);
  REQUIRE(next);
  Peer& l2 = rig.hand_off(rig.fetch, rig.post_after(sections));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
}

TEST_CASE("an L2 that begins elsewhere than the answer has come to is no liar", "[worker][carry]") {
  Half rig;
  rig.lose(rig.begin(rig.car.section_ends[1]));
  rig.sent<ipc::AttemptEnded>();
  Peer& l2 = rig.hand_off(rig.fetch, rig.post_after(1));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kOvertaken);
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  // Its head is right, and its first section is another.
  std::string wrong = rig.post_after(1);
  wrong.replace(wrong.find("Skip: 1"), 7, "Skip: 2");
  rig.hand_off(rig.fetch, wrong);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kHandOffLost);
  CHECK(rig.worker.stats().verify_failures == 0);
  rig.hand_off(rig.fetch, rig.post_after(2));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("an L2 that begins where the answer has come to need not say so", "[worker][carry]") {
  Half rig;
  rig.lose(rig.begin(rig.car.section_ends[1]));
  rig.sent<ipc::AttemptEnded>();
  std::string unsaid = rig.post_after(2);
  unsaid.replace(unsaid.find("Daphnis-Skip"), 12, "X-Something-");
  const bool is_one_piece = GENERATE(true, false);
  const size_t first = is_one_piece ? unsaid.size() : unsaid.find("\r\n\r\n") + 4;
  Peer& l2 = rig.hand_off(rig.fetch, unsaid.substr(0, first));
  for (size_t at = first; at < unsaid.size(); ++at) rig.send(l2, unsaid.substr(at, 1));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
}

TEST_CASE("an L2 that begins anywhere else and does not say so is no liar in mid-answer",
          "[worker][carry]") {
  Half rig;
  const bool is_in_mid_answer = GENERATE(true, false);
  if (is_in_mid_answer) rig.lose(rig.begin(rig.car.section_ends[1]));
  rig.sent<ipc::AttemptEnded>();
  std::string wrong = rig.post_after(1);
  wrong.replace(wrong.find("Daphnis-Skip"), 12, "X-Something-");
  rig.hand_off(rig.fetch, wrong);
  CHECK(rig.only<ipc::AttemptEnded>().outcome ==
        (is_in_mid_answer ? Outcome::kHandOffLost : Outcome::kLied));
}

TEST_CASE("a number of blocks left out that is none is a lie", "[worker][carry]") {
  Half rig;
  const std::string value = GENERATE("", "-1", "1x", "99999999999999999999");
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Daphnis-Skip: " + value + "\r\n"));
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
}

TEST_CASE("of L2s that race for the first block the one that proves it goes on",
          "[worker][carry]") {
  Half rig;
  Peer& one = rig.begin(0);
  Peer& two = rig.begin(0);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  const bool is_first = GENERATE(true, false);
  Peer& winner = is_first ? one : two;
  Peer& loser = is_first ? two : one;
  rig.send_section(winner, 0);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kOvertaken);
  CHECK(!ended.wants_another);
  CHECK(loser.received.empty());  // The rest of its POST is small.
  rig.send_section(winner, 1);
  rig.send_section(winner, 2);
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK_THAT(rig.lines.at(0), Contains(is_first ? "l2=l2-1" : "l2=l2-2"));
}

TEST_CASE("of L2s that race one that fails leaves the others at it", "[worker][carry]") {
  Half rig;
  Peer& one = rig.begin(0);
  Peer& two = rig.begin(0);
  rig.lose(one);
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  for (size_t i = 0; i < rig.car.section_ends.size(); ++i) rig.send_section(two, i);
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("more L2s than may race are sent away at once", "[worker][carry]") {
  Half rig;
  for (size_t i = 0; i < kSourcesAtOnceMax; ++i) rig.begin(0);
  Peer& late = rig.begin(0);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
  CHECK(status_line(late.received) == "HTTP/1.1 410 Gone");
  rig.lose(rig.client);
  CHECK(rig.sent<ipc::AttemptEnded>().size() == kSourcesAtOnceMax);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("beside an L2 that stands still another is asked for, from where the answer has come to",
          "[worker][carry]") {
  Half rig;
  Peer& slow = rig.begin(rig.car.section_ends[1]);
  rig.pass_time(Settings().l2_slow_ms - 1);
  CHECK(rig.sent<ipc::FetchStalled>().empty());
  rig.pass_time(1);
  const auto stalled = rig.only<ipc::FetchStalled>();
  CHECK(stalled.fetch_id == rig.fetch.fetch_id);
  CHECK(stalled.resume.skip == 2);
  SECTION("and the other is faster") {
    rig.hand_off(rig.fetch, rig.post_after(2));
    const auto ended = rig.sent<ipc::AttemptEnded>();
    REQUIRE(ended.size() == 2);
    CHECK(ended[0].outcome == Outcome::kOvertaken);
    CHECK(ended[1].outcome == Outcome::kComplete);
  }
  SECTION("and the other has to begin at the front") {
    Peer& other = rig.begin(rig.car.section_ends[1]);
    CHECK(slow.received.empty());
    rig.send_section(other, 2);
    CHECK(rig.sent<ipc::AttemptEnded>().at(0).outcome == Outcome::kOvertaken);
  }
  SECTION("and it goes on before the other has come so far") {
    rig.begin(rig.car.section_ends[0]);
    rig.send_section(slow, 2);
    CHECK(rig.sent<ipc::AttemptEnded>().at(0).outcome == Outcome::kOvertaken);
  }
  SECTION("and it goes on before the other has come at all") {
    rig.send_section(slow, 2);
  }
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

TEST_CASE("an L2 that was started beside and fails costs the answer nothing, however late",
          "[worker][carry]") {
  Settings settings;
  settings.request_ms = 1'000;
  Half rig(settings);
  Peer& slow = rig.begin(rig.car.section_ends[1]);
  rig.pass_time(settings.l2_slow_ms);
  rig.only<ipc::FetchStalled>();
  rig.lose(rig.begin(0));
  CHECK(rig.only<ipc::AttemptEnded>().wants_another);
  rig.send_section(slow, 2);
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
}

}  // namespace daphnis::worker::test

// Tests of what becomes of an L2's connection whose POST nobody needs any more.

#include "tests/unit/worker/half_rig.h"

namespace daphnis::worker::test {
namespace {

/// Two L2s race; the other one proves the first block, so that nobody needs this one's POST, whose
/// length is told by these fields.
struct Lost : Half {
  explicit Lost(const std::string& fields) {
    l2 = &hand_off(fetch, post_head(fields));
    Peer& winner = begin(0);
    send_section(winner, 0);
    CHECK(only<ipc::AttemptEnded>().outcome == Outcome::kOvertaken);
  }
  Peer* l2 = nullptr;
};

std::string length(uint64_t bytes) {
  return "Content-Length: " + std::to_string(bytes) + "\r\n";
}

}  // namespace

TEST_CASE("a small rest of a POST that lost is read out, and its connection goes on",
          "[worker][l2]") {
  Lost rig(length(1'000));
  CHECK(rig.l2->received.empty());
  CHECK(rig.l2->connection->wants_input());
  rig.send(*rig.l2, std::string(999, 'x'));
  CHECK(rig.l2->received.empty());
  rig.send(*rig.l2, "x");
  CHECK(status_line(rig.l2->received) == "HTTP/1.1 410 Gone");
  CHECK(rig.l2->ending == Ending::kGiveBack);
  CHECK(rig.l2->given_back.surplus.empty());
}

TEST_CASE("any other POST that lost is answered at once", "[worker][l2]") {
  const std::string fields =
      GENERATE(length(limits::kReadOutBytesMax + 1), std::string("Transfer-Encoding: chunked\r\n"),
               length(1'000) + "Connection: close\r\n");
  Lost rig(fields);
  CHECK(status_line(rig.l2->received) == "HTTP/1.1 410 Gone");
  CHECK(rig.l2->is_half_closed);
}

TEST_CASE("only what is left of a POST that lost has to be small", "[worker][l2]") {
  Half rig;
  const size_t header = 1 + rig.car.bytes[0];
  Peer& l2 = rig.hand_off(rig.fetch, post_head(length(header + limits::kReadOutBytesMax)));
  rig.send(l2, Bytes(rig.car.bytes).first(header));
  rig.send_section(rig.begin(0), 0);
  CHECK(l2.received.empty());
  rig.send(l2, std::string(limits::kReadOutBytesMax, 'x'));
  CHECK(l2.ending == Ending::kGiveBack);
}

TEST_CASE("an L2 that does not send the rest in time gets its answer all the same",
          "[worker][l2]") {
  Lost rig(length(1'000));
  SECTION("it is slow") {
    rig.pass_time(limits::kLingerMs - 1);
    CHECK(rig.l2->received.empty());
    rig.pass_time(1);
    CHECK(status_line(rig.l2->received) == "HTTP/1.1 410 Gone");
    CHECK(rig.l2->is_half_closed);
  }
  SECTION("it is gone") {
    rig.lose(*rig.l2);
    CHECK(rig.l2->ending == Ending::kClose);
  }
}

TEST_CASE("a POST that is wrong is not read out", "[worker][l2]") {
  Half rig;
  Peer& l2 = rig.hand_off(rig.fetch, post_head(length(1'000)) + std::string(500, 'x'));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK(l2.is_half_closed);
}

}  // namespace daphnis::worker::test

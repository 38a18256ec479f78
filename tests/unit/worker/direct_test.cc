// Tests of direct deliveries: POSTs that L2s send to the worker itself.

#include "common/base/limits.h"
#include "tests/unit/worker/direct_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a worker says to each broker whether it takes direct deliveries", "[worker][direct]") {
  Rig without;
  without.start_broker();
  CHECK(without.sent<ipc::DirectReady>().empty());
  Rig with(taking());
  with.start_broker();
  CHECK(with.sent<ipc::DirectReady>().size() == 1);
  with.stop_broker();
  with.start_broker();
  CHECK(with.sent<ipc::DirectReady>().size() == 1);
}

TEST_CASE("a direct delivery serves its fetch, and the broker hears of it", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  SECTION("in one piece") {
    rig.send(l2, rig.post());
  }
  SECTION("in single bytes") {
    for (const char byte : rig.post()) rig.send(l2, std::string(1, byte));
  }
  CHECK(rig.is_served());
  CHECK(rig.said() == ipc::DirectSays::kCar);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.attempt_id == rig.id);
  CHECK(ended.outcome == Outcome::kComplete);
  CHECK(rig.sent<ipc::HandoffTaken>().empty());
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK(l2.connection);
  CHECK_THAT(rig.lines.at(0), Contains(" l2=home "));
}

TEST_CASE("the broker hears of a direct delivery before its end", "[worker][direct]") {
  Direct rig;
  rig.send(rig.connect_directly(), rig.post());
  size_t delivery = 0;
  size_t end = 0;
  for (size_t i = 0; i < rig.messages.size(); ++i) {
    if (std::holds_alternative<ipc::DirectDelivery>(rig.messages[i])) delivery = i;
    if (std::holds_alternative<ipc::AttemptEnded>(rig.messages[i])) end = i;
  }
  CHECK(delivery < end);
}

TEST_CASE("a direct connection takes one POST after the other", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.post());
  REQUIRE(rig.is_served());
  // Another client's, on the same connection.
  Peer& other = rig.connect();
  SampleCar car(2'000);
  rig.send(other, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  Uuid second{};
  second.fill(8);
  rig.tell(ipc::AttemptOut{.fetch_id = fetch.fetch_id, .attempt_id = second, .l2_id = "home"});
  l2.received.clear();
  rig.send(l2, "POST /data/" + car.root.text() + "/" + text_of(second) +
                   " HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(car.bytes) +
                   "0\r\n\r\n");
  CHECK(dechunked(other.received) == text(car.bytes));
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
}

TEST_CASE("a POST right behind another is taken from the same read", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.post() + rig.head("Content-Length: 0\r\n"));
  CHECK(rig.is_served());
  CHECK(count(l2.received, "HTTP/1.1 200 OK") == 1);
  CHECK(count(l2.received, "HTTP/1.1 409 Conflict") == 1);
}

TEST_CASE("a not-found comes directly too, and its connection goes on", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  const auto [word, says] = GENERATE(table<std::string, ipc::DirectSays>({
      {"root", ipc::DirectSays::kLacksRoot},
      {"block", ipc::DirectSays::kLacksBlock},
      {"1", ipc::DirectSays::kLacks},
      {"who knows", ipc::DirectSays::kLacks},
  }));
  rig.send(l2, rig.head("Daphnis-Not-Found: " + word + "\r\nContent-Length: 0\r\n"));
  CHECK(rig.said() == says);
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(l2.received, Contains("not_found_taken"));
  CHECK(l2.ending == Ending::kOpen);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  // It was an answer.
  rig.send(l2, rig.post());
  CHECK_THAT(l2.received, Contains("HTTP/1.1 409 Conflict"));
}

TEST_CASE("a not-found with a body is a bad request", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.head("Daphnis-Not-Found: root\r\nContent-Length: 3\r\n") + "abc");
  CHECK_THAT(l2.received, Contains("400 Bad Request") && Contains("body_not_empty"));
  CHECK(l2.is_half_closed);
}

TEST_CASE("a direct POST that no attempt waits for gets the broker's status", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  Uuid other{};
  other.fill(9);
  SECTION("404: nobody knows the id") {
    rig.send(l2, rig.head_for(other, "Content-Length: 5\r\n"));
    CHECK(l2.received.empty());
    rig.tell(ipc::AttemptAnswer{rig.only<ipc::AttemptQuestion>().attempt_id});
    CHECK_THAT(l2.received, Contains("404 Not Found") && Contains("unknown_request"));
    CHECK(l2.is_half_closed);
  }
  SECTION("400: another root, and the attempt stays open") {
    rig.send(l2, "POST /data/" + SampleCar(3'000).root.text() + "?requestId=" + text_of(rig.id) +
                     " HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\n");
    CHECK_THAT(l2.received, Contains("400 Bad Request") && Contains("wrong_root"));
    rig.send(rig.connect_directly(), rig.post());
    CHECK(rig.is_served());
  }
  SECTION("400: no id") {
    rig.send(l2, "POST /data/" + rig.car.root.text() +
                     " HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\n");
    CHECK_THAT(l2.received, Contains("400 Bad Request") && Contains("no_request_id"));
  }
  SECTION("400: what is no id") {
    rig.send(l2, "PUT /data/" + rig.car.root.text() +
                     "?requestId=x HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\n");
    CHECK_THAT(l2.received, Contains("400 Bad Request") && Contains("bad_request_id"));
  }
  SECTION("404: another path") {
    rig.send(l2, "GET /register/home HTTP/1.1\r\nHost: w\r\n\r\n");
    CHECK_THAT(l2.received, Contains("404 Not Found") && Contains("no_such_path"));
  }
  SECTION("405") {
    rig.send(l2, "GET /data/" + rig.car.root.text() + " HTTP/1.1\r\nHost: w\r\n\r\n");
    CHECK_THAT(l2.received, Contains("405 Method Not Allowed"));
  }
  SECTION("what the parser says") {
    rig.send(l2, "NONSENSE\r\n\r\n");
    CHECK_THAT(l2.received, Contains("400 Bad Request"));
  }
  SECTION("409: it was answered by a hand-off") {
    Peer& handed = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    CHECK(handed.ending == Ending::kGiveBack);
    Uuid first{};
    first.fill(1);
    rig.order(first);
    rig.tell(ipc::AttemptOver{.attempt_id = first, .was_delivered = true});
    rig.send(l2, rig.head_for(first, "Content-Length: 5\r\n"));
    CHECK_THAT(l2.received, Contains("409 Conflict") && Contains("already_answered"));
  }
  if (l2.connection) rig.pass_time(limits::kLingerMs);
  CHECK_FALSE(l2.connection);
  CHECK(rig.sent<ipc::DirectDelivery>().size() <= 1);
}

TEST_CASE("a direct POST may be faster than what the broker tells of its attempt",
          "[worker][direct]") {
  Direct rig;
  Uuid late{};
  late.fill(9);
  Peer& l2 = rig.connect_directly();
  const size_t bytes = rig.car.bytes.size();
  const std::string head = rig.head_for(late, "Content-Length: " + std::to_string(bytes) + "\r\n");
  const size_t in_first_buffer = GENERATE(size_t{100}, SIZE_MAX);
  const std::string body = text(rig.car.bytes);
  rig.send(l2, head + body.substr(0, in_first_buffer));
  if (in_first_buffer < body.size()) {
    l2.connection->on_bytes(Slice::copy_of(Bytes(rig.car.bytes).subspan(in_first_buffer)),
                            rig.now_ms);
  }
  CHECK(rig.only<ipc::AttemptQuestion>().attempt_id == late);
  CHECK_FALSE(l2.connection->wants_input());
  SECTION("and its attempt is known then") {
    rig.order(late);
    rig.tell(ipc::AttemptAnswer{late});
    CHECK(rig.is_served());
    CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  }
  SECTION("and it is over by then") {
    rig.order(late);
    rig.tell(ipc::AttemptOver{.attempt_id = late});
    rig.tell(ipc::AttemptAnswer{late});
    CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  }
  SECTION("and the answer is about another") {
    rig.order(late);
    rig.tell(ipc::AttemptAnswer{rig.id});
    CHECK(l2.received.empty());
  }
  SECTION("and the broker leaves") {
    rig.stop_broker();
    CHECK(status_line(l2.received) == "HTTP/1.1 404 Not Found");
  }
  SECTION("and the broker is silent") {
    rig.pass_time(limits::kDirectHeadMs);
    CHECK(status_line(l2.received) == "HTTP/1.1 404 Not Found");
  }
  SECTION("and the L2 leaves") {
    rig.lose(l2);
    CHECK_FALSE(l2.connection);
    rig.tell(ipc::AttemptAnswer{late});
  }
}

TEST_CASE("a worker that leaves takes the direct deliveries that it waits for",
          "[worker][direct]") {
  Direct rig;
  rig.driver.drain(rig.now_ms);
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.post());
  CHECK(rig.is_served());
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK_FALSE(l2.connection);
}

TEST_CASE("what was asked of an L2 by its certificate comes with that one", "[worker][direct]") {
  Direct rig;
  rig.id.fill(9);
  ipc::AttemptOut out = rig.out(rig.id);
  out.needs_certificate = true;
  rig.tell(out);
  const auto [certified_id, is_over] = GENERATE(table<std::string, bool>(
      {{"", false}, {"other", false}, {"Home", false}, {"", true}, {"other", true}}));
  CAPTURE(certified_id, is_over);
  if (is_over) rig.tell(ipc::AttemptOver{.attempt_id = rig.id});
  Peer& other = rig.connect_directly(certified_id);
  rig.send(other, rig.post());
  CHECK_THAT(other.received, Contains("403 Forbidden") && Contains("other_l2"));
  CHECK(other.is_half_closed);
  CHECK(rig.said() == ipc::DirectSays::kIsOther);
  // The L2 that was asked loses nothing by that.
  Peer& l2 = rig.connect_directly("home");
  rig.send(l2, rig.post());
  if (!is_over) CHECK(rig.is_served());
  CHECK(status_line(l2.received) == (is_over ? "HTTP/1.1 410 Gone" : "HTTP/1.1 200 OK"));
}

TEST_CASE("a direct POST for an attempt that is over is late, and frees the L2's place",
          "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  rig.tell(ipc::AttemptOver{.attempt_id = rig.id});
  SECTION("a small body is read, and the connection goes on") {
    rig.send(l2, rig.head("Content-Length: 5\r\n") + "abc");
    CHECK(l2.received.empty());
    rig.send(l2, "de");
    CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
    CHECK(l2.connection);
    CHECK_FALSE(l2.is_half_closed);
    CHECK(rig.said() == ipc::DirectSays::kLate);
  }
  SECTION("a small body that does not come is not awaited") {
    rig.send(l2, rig.head("Content-Length: 5\r\n"));
    rig.pass_time(limits::kLingerMs);
    CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
    CHECK(l2.is_half_closed);
  }
  SECTION("a long one is not read") {
    rig.send(l2, rig.head("Transfer-Encoding: chunked\r\n"));
    CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
    CHECK(l2.is_half_closed);
    CHECK(rig.said() == ipc::DirectSays::kLate);
  }
  SECTION("a cancel is acknowledged") {
    rig.send(l2, rig.head("Daphnis-Cancelled: 1\r\nContent-Length: 0\r\n"));
    CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
    CHECK(rig.said() == ipc::DirectSays::kAcknowledgesCancel);
  }
  SECTION("after a minute nobody knows it") {
    rig.send(l2, rig.head("Content-Length: 0\r\n"));
    CHECK_THAT(l2.received, Contains("410 Gone"));
    rig.pass_time(limits::kAttemptRememberedMs);
    Peer& later = rig.connect_directly();
    rig.send(later, rig.head("Content-Length: 0\r\n"));
    rig.tell(ipc::AttemptAnswer{rig.id});
    CHECK_THAT(later.received, Contains("404 Not Found"));
  }
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
}

TEST_CASE("a direct stream ends where the broker has ended its attempt meanwhile",
          "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.head("Transfer-Encoding: chunked\r\n"));
  CHECK(rig.said() == ipc::DirectSays::kCar);
  SECTION("since its message and ours have crossed") {
    rig.tell(ipc::AttemptOver{.attempt_id = rig.id});
  }
  SECTION("since the L2 was revoked") {
    rig.tell(ipc::EndAttempt{rig.id});
  }
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(l2.is_half_closed);
  // The fetch goes on with what comes next.
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(rig.is_served());
}

TEST_CASE("a direct delivery for a client that has left is cancelled", "[worker][direct]") {
  Direct rig;
  rig.lose(rig.client);
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.head("Transfer-Encoding: chunked\r\n"));
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.said() == ipc::DirectSays::kCar);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
}

TEST_CASE("an L2 that delivers directly and by the broker is read once", "[worker][direct]") {
  Direct rig;
  rig.id.fill(1);  // That of the first hand-off.
  rig.order(rig.id);
  Peer& l2 = rig.connect_directly();
  SECTION("the direct one came first") {
    rig.send(l2, rig.head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
    Peer& second = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    CHECK_FALSE(second.connection);
    CHECK(rig.sent<ipc::AttemptEnded>().empty());
    CHECK(rig.sent<ipc::HandoffTaken>().size() == 1);
    rig.send(l2, rig.car.bytes);
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  }
  SECTION("the hand-off came first") {
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    rig.send(l2, rig.post());
    CHECK(status_line(l2.received) == "HTTP/1.1 409 Conflict");
    CHECK(rig.sent<ipc::AttemptEnded>().size() == 1);
  }
  CHECK(rig.is_served());
}

TEST_CASE("a direct delivery that breaks off or lies ends as one that was handed off",
          "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  SECTION("broken off") {
    rig.send(l2, rig.head("Content-Length: 9999\r\n") + text(rig.car.bytes).substr(0, 100));
    rig.lose(l2);
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kAborted);
    CHECK_FALSE(l2.connection);
  }
  SECTION("a lie") {
    ByteVector lie(rig.car.bytes);
    lie.back() ^= 1;
    rig.send(l2, rig.head("Content-Length: " + std::to_string(lie.size()) + "\r\n") + text(lie));
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
    CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  }
}

}  // namespace daphnis::worker::test

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

std::string get_with(const SampleCar& car, std::string_view more) {
  return "GET " + car.target() + " HTTP/1.1\r\nHost: edge\r\n" + std::string(more) + "\r\n";
}

/// A rig with a broker, a client that asks for a CAR, and the question that went out for it.
struct Asked : Rig {
  explicit Asked(std::string_view more = "", Settings settings = {}, size_t leaf_bytes = 1'000)
      : Rig(settings), car(leaf_bytes), client(connect()) {
    start_broker();
    send(client, get_with(car, more));
    fetch = only<ipc::Fetch>();
  }
  [[nodiscard]] Bytes first(size_t sections) const {
    return Bytes(car.bytes).first(car.section_ends[sections - 1]);
  }
  [[nodiscard]] Bytes after(size_t sections) const {
    return Bytes(car.bytes).subspan(car.section_ends[sections - 1]);
  }

  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("a CAR goes from a handed-off POST to the client and both connections live on",
          "[worker]") {
  Asked rig("X-Request-Id: my-id.1\r\n");
  CHECK(rig.fetch.request.root == rig.car.root);
  CHECK(rig.fetch.trace_id == "my-id.1");
  CHECK(rig.fetch.key == key_of(rig.fetch.request));
  CHECK(rig.fetch.client_network == static_cast<uint64_t>(network_of("192.0.2.7")));
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));

  CHECK(status_line(rig.client.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(rig.client.received, Contains("X-Request-Id: my-id.1\r\n"));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK(rig.client.connection);
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK(l2.ending == Ending::kGiveBack);
  CHECK(l2.given_back.surplus.empty());
  CHECK(rig.sent<ipc::HandoffTaken>().empty());  // The end says that it was taken.
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.attempt_id[0] == 1);
  CHECK(ended.outcome == Outcome::kComplete);
  CHECK(!ended.wants_another);
  CHECK(ended.blocks_proven == 3);
  CHECK(ended.body_bytes == rig.car.bytes.size());
  CHECK(rig.worker.stats().fetches == 0);
  CHECK(rig.worker.stats().status_2xx == 1);
  REQUIRE(rig.lines.size() == 1);
  CHECK_THAT(rig.lines[0], Contains("request_id=my-id.1") && Contains("status=200") &&
                               Contains("l2=l2-1") && Contains("attempts=1") &&
                               Contains("cache=MISS") && Contains("outcome=complete"));
}

TEST_CASE("nothing is answered before the root block is proven", "[worker]") {
  Asked rig;
  const Bytes car = rig.car.bytes;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n"));
  rig.send(l2, chunk(car.first(rig.car.section_ends[0] - 1)));
  CHECK(rig.client.received.empty());
  rig.send(l2, chunk(car.subspan(rig.car.section_ends[0] - 1, 1)));
  CHECK_THAT(rig.client.received, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("the same CAR comes out however its stream is cut", "[worker]") {
  const SampleCar car(40);
  const std::string post = post_head("Transfer-Encoding: chunked\r\n") +
                           chunk(Bytes(car.bytes).first(50)) + chunk(Bytes(car.bytes).subspan(50)) +
                           "0\r\n\r\n";
  for (size_t cut = 0; cut <= post.size(); ++cut) {
    Asked rig("", {}, 40);
    Peer& l2 = rig.hand_off(rig.fetch, post.substr(0, cut));
    if (cut < post.size()) rig.send(l2, post.substr(cut));
    CAPTURE(cut);
    REQUIRE(dechunked(rig.client.received) == text(rig.car.bytes));
    REQUIRE(l2.ending == Ending::kGiveBack);
  }
}

TEST_CASE("a legacy abort before any byte is a not-found and the next attempt is asked for",
          "[worker]") {
  Asked rig;
  Peer& first =
      rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n"), StreamShape::kWholeDag);
  rig.lose(first);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kNotFound);
  CHECK(ended.wants_another);
  CHECK(rig.client.received.empty());
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes), StreamShape::kWholeDag);
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK_THAT(rig.lines.at(0), Contains("attempts=2") && Contains("l2=l2-2"));
}

TEST_CASE("a body cut before the first block is an abort and the next attempt is asked for",
          "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Content-Length: 1000\r\n") + "abc");
  SECTION("by a clean end") {
    rig.end(l2);
  }
  SECTION("by a reset") {
    rig.lose(l2);
  }
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kAborted);
  CHECK(ended.wants_another);
  CHECK(l2.ending == Ending::kClose);
}

TEST_CASE("an L2 that lies is told so at once and the next attempt is asked for", "[worker]") {
  Asked rig;
  ByteVector lie = rig.car.bytes;
  lie[rig.car.section_ends[0] - 1] ^= 1;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n") + chunk(lie));
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK_THAT(l2.received, Contains("Connection: close"));
  CHECK(l2.is_half_closed);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kLied);
  CHECK(ended.wants_another);
  CHECK(rig.worker.stats().verify_failures == 1);
  CHECK(rig.client.received.empty());

  SECTION("what it still sends is thrown away until it ends") {
    rig.send(l2, std::string(100'000, 'x'));
    CHECK(l2.connection);
    rig.end(l2);
    CHECK(l2.ending == Ending::kClose);
  }
  SECTION("what it still sends is thrown away up to a bound") {
    for (int i = 0; i < 11 && l2.connection; ++i) rig.send(l2, std::string(100'000, 'x'));
    CHECK(l2.ending == Ending::kClose);
  }
  SECTION("it gets a second to end") {
    rig.pass_time(999);
    CHECK(l2.connection);
    rig.pass_time(1);
    CHECK(l2.ending == Ending::kClose);
  }
  SECTION("the client learns of it when nobody else has the content") {
    rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id,
                              .reason = Outcome::kL2sFailed,
                              .attempts = 1,
                              .retry_after_s = 7});
    CHECK(status_line(rig.client.received) == "HTTP/1.1 502 Bad Gateway");
    CHECK_THAT(rig.client.received, Contains("l2_bad_content") && Contains("Retry-After: 7"));
    CHECK(rig.worker.stats().fetches == 0);
  }
}

TEST_CASE("a lie after bytes went out that nobody mends cuts the answer short of its end",
          "[worker]") {
  Asked rig;
  ByteVector lie = rig.car.bytes;
  lie.back() ^= 1;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n") +
                                         chunk(Bytes(lie).first(rig.car.section_ends[1])));
  rig.send(l2, chunk(Bytes(lie).subspan(rig.car.section_ends[1])));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kLied);
  CHECK(ended.wants_another);
  rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .reason = Outcome::kL2sFailed});
  CHECK(rig.client.ending == Ending::kClose);
  CHECK_THAT(rig.client.received, !Contains("0\r\n\r\n"));
  CHECK(rig.worker.stats().aborted == 1);
  CHECK_THAT(rig.lines.at(0), Contains("outcome=aborted") && Contains("failure=l2_bad_content"));
}

TEST_CASE("an HTTP/1.0 client whose answer cannot be completed sees a reset", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, "GET " + car.target() + " HTTP/1.0\r\n\r\n");
  const auto fetch = rig.only<ipc::Fetch>();
  Peer& l2 =
      rig.hand_off(fetch, post_head("Content-Length: 5000\r\n") + text(car.bytes).substr(0, 1'200));
  CHECK_THAT(client.received, !Contains("chunked"));
  CHECK(client.connection->end_looks_whole());
  rig.end(l2);
  rig.tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id});
  CHECK(client.ending == Ending::kReset);
}

TEST_CASE("an HTTP/1.0 client gets the bare bytes and the end of the connection", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, "GET " + car.target() + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(client.ending == Ending::kClose);
  CHECK(client.received.substr(client.received.find("\r\n\r\n") + 4) == text(car.bytes));
}

TEST_CASE("bytes after the walk's end are held against the L2 but not the client", "[worker]") {
  Asked rig;
  const std::string more = text(rig.car.bytes) + "surplus";
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(as_bytes(more)));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK(status_line(l2.received) == "HTTP/1.1 422 Unprocessable Content");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
}

TEST_CASE("a legacy L2 may send more of the DAG than is wanted", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, "GET " + car.target() + "&dag-scope=block HTTP/1.1\r\nHost: edge\r\n\r\n");
  Peer& l2 =
      rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes), StreamShape::kWholeDag);
  CHECK(dechunked(client.received) == text(car.bytes).substr(0, car.section_ends[0]));
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(l2.received, Contains("Connection: close"));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
}

TEST_CASE("the client's answer does not wait for the end of the L2's message", "[worker]") {
  Asked rig;
  Peer& l2 =
      rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n") + chunk(rig.car.bytes));
  CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  SECTION("which may come later") {
    rig.send(l2, "0\r\n\r\n");
    CHECK(l2.ending == Ending::kGiveBack);
  }
  SECTION("which may be a cut") {
    rig.end(l2);
    CHECK(l2.ending == Ending::kClose);
  }
  SECTION("which may never come") {
    rig.pass_time(1'000);
    CHECK_THAT(l2.received, StartsWith("HTTP/1.1 200 OK"));
    CHECK(l2.is_half_closed);
  }
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
}

TEST_CASE("bytes past the body go back with the socket", "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes) + "POST /data/next");
  CHECK(l2.ending == Ending::kGiveBack);
  CHECK(text(l2.given_back.surplus) == "POST /data/next");
  CHECK(l2.given_back.cookie == 1);
  CHECK(l2.given_back.address == "192.0.2.50");
}

TEST_CASE("bytes past the body that one read brings in another buffer go back, too", "[worker]") {
  Asked rig;
  rig.client.space = GENERATE(size_t{0}, SIZE_MAX);
  CAPTURE(rig.client.space);
  Peer& l2 = rig.hand_off(
      rig.fetch, post_head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
  const std::string body = text(rig.car.bytes);
  SECTION("all of them") {
    rig.send(l2, body + "POST /data/next", body.size());
  }
  SECTION("the last of them") {
    rig.send(l2, body + "POST /data/next", body.size() + 4);
  }
  CHECK(l2.ending == Ending::kGiveBack);
  CHECK(text(l2.given_back.surplus) == "POST /data/next");
}

TEST_CASE("a socket is not given back with more past its body than a message should hold",
          "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes) +
                                         std::string(limits::kReturnSurplusBytesMax + 1, 'x'));
  CHECK_THAT(l2.received, StartsWith("HTTP/1.1 200 OK") && Contains("Connection: close"));
  CHECK(l2.is_half_closed);
}

TEST_CASE("nor where one read brings more in two buffers", "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(
      rig.fetch, post_head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
  constexpr size_t kHalf = limits::kReturnSurplusBytesMax / 2 + 1;
  rig.send(l2, text(rig.car.bytes) + std::string(2 * kHalf, 'x'), rig.car.bytes.size() + kHalf);
  CHECK_THAT(l2.received, StartsWith("HTTP/1.1 200 OK"));
  CHECK(l2.is_half_closed);
}

TEST_CASE("a socket is given back only when its reply is fully written", "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(
      rig.fetch, post_head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
  l2.space = 10;
  rig.send(l2, rig.car.bytes);
  CHECK(l2.ending == Ending::kOpen);
  rig.give_space(l2, SIZE_MAX);
  CHECK(l2.ending == Ending::kGiveBack);
}

TEST_CASE("an L2 that expects it is told to continue", "[worker]") {
  Asked rig;
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n"
                                               "Expect: 100-continue\r\n"));
  CHECK(l2.received == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("a client that leaves ends the L2's upload by an early reply", "[worker]") {
  Asked rig;
  Peer& l2 =
      rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n") + chunk(rig.first(1)));
  SECTION("by a reset") {
    rig.lose(rig.client);
  }
  SECTION("by a failed write after its end") {
    rig.end(rig.client);
    REQUIRE(rig.client.connection);
    rig.lose(rig.client);
  }
  CHECK(rig.client.ending == Ending::kClose);
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kCancelled);
  CHECK(!ended.wants_another);
  CHECK(rig.worker.stats().client_left == 1);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a client that leaves while L2s are asked cancels the fetch and a late hand-off gets 410",
          "[worker]") {
  Asked rig;
  rig.lose(rig.client);
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
  Peer& l2 = rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
}

TEST_CASE("a hand-off whose socket was lost is reported and another is asked for", "[worker]") {
  Asked rig;
  ipc::Handoff handoff;
  handoff.fetch_id = rig.fetch.fetch_id;
  rig.tell(handoff);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kHandOffLost);
  CHECK(ended.wants_another);
  CHECK(rig.sent<ipc::HandoffTaken>().empty());
}

TEST_CASE("a hand-off whose bytes are still to come is said to be taken", "[worker]") {
  Asked rig;
  const std::string post = post_with_length(rig.car.bytes);
  Peer& l2 = rig.hand_off(rig.fetch, post.substr(0, post.size() - 1));
  CHECK(rig.only<ipc::HandoffTaken>().attempt_id[0] == 1);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.send(l2, post.substr(post.size() - 1));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(rig.sent<ipc::HandoffTaken>().empty());
}

TEST_CASE("HEAD asks for the root block alone and answers without a body", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, "HEAD " + car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.request.scope == DagScope::kBlock);
  rig.hand_off(fetch, post_with_length(Bytes(car.bytes).first(car.section_ends[0])));
  CHECK_THAT(client.received,
             StartsWith("HTTP/1.1 200 OK") && Catch::Matchers::EndsWith("\r\n\r\n"));
  CHECK(client.connection);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("every way a fetch can fail becomes a truthful status", "[worker]") {
  const auto [reason, line] = GENERATE(table<Outcome, std::string>({
      {Outcome::kNoL2, "HTTP/1.1 503 Service Unavailable"},
      {Outcome::kL2sFailed, "HTTP/1.1 502 Bad Gateway"},
      {Outcome::kSilent, "HTTP/1.1 504 Gateway Timeout"},
      {Outcome::kNotFound, "HTTP/1.1 404 Not Found"},
      {Outcome::kOverloaded, "HTTP/1.1 503 Service Unavailable"},
      {Outcome::kDraining, "HTTP/1.1 503 Service Unavailable"},
  }));
  Asked rig;
  rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .reason = reason});
  CHECK(status_line(rig.client.received) == line);
  CHECK(rig.worker.stats().fetches == 0);
}

}  // namespace daphnis::worker::test

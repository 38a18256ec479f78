#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr std::string_view kProbe = "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n";

}  // namespace

TEST_CASE("a request may come in any pieces", "[worker][session]") {
  for (size_t cut = 1; cut < kProbe.size(); ++cut) {
    Rig rig;
    Peer& client = rig.connect();
    rig.send(client, kProbe.substr(0, cut));
    REQUIRE(client.received.empty());
    rig.send(client, kProbe.substr(cut));
    REQUIRE_THAT(client.received, StartsWith("HTTP/1.1 200 OK\r\n"));
    REQUIRE(client.connection);
  }
}

TEST_CASE("pipelined requests are answered one after the other on one connection",
          "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\nX-Request-Id: n" +
                std::to_string(i) + "\r\n\r\n";
  }
  rig.send(client, requests);
  CHECK(count(client.received, "HTTP/1.1 200 OK\r\n") == 50);
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = client.received.find("X-Request-Id: n" + std::to_string(i) + "\r\n", at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(rig.lines.size() == 50);
}

TEST_CASE("a pipelined request waits for the answer before it", "[worker][session]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car) + std::string(kProbe));
  CHECK(client.received.empty());
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(count(client.received, "HTTP/1.1 200 OK\r\n") == 2);
  CHECK_THAT(client.received, Contains("0\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_CASE("pipelined input is held only up to a bound", "[worker][session]") {
  Rig rig;
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK(client.connection->wants_input());
  rig.send(client, std::string(limits::kClientUnreadBytesMax, 'G'));
  CHECK(!client.connection->wants_input());
}

TEST_CASE("what is no request gets a status and the connection closes", "[worker][session]") {
  const auto [request, status] = GENERATE(table<std::string, std::string>({
      {"GARBAGE\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", "505"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", "413"},
  }));
  Rig rig;
  Peer& client = rig.connect();
  rig.send(client, request);
  CHECK_THAT(client.received, StartsWith("HTTP/1.1 " + status) && Contains("Connection: close"));
  CHECK(client.is_half_closed);
  CHECK_THAT(rig.lines.at(0), Contains("status=" + status));
  // Input that is still on its way must not make the kernel reset the connection under the answer.
  rig.send(client, std::string(10'000, 'x'));
  CHECK(client.connection);
  rig.end(client);
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a body that no request needs is read past up to a bound", "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  const std::string head = "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n";
  SECTION("with a length") {
    rig.send(client, head + "Content-Length: 5\r\n\r\nhello" + std::string(kProbe));
    CHECK(count(client.received, "HTTP/1.1 200 OK\r\n") == 2);
  }
  SECTION("in chunks") {
    rig.send(client, head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
                         std::string(kProbe));
    CHECK(count(client.received, "HTTP/1.1 200 OK\r\n") == 2);
  }
  SECTION("in too many chunks") {
    rig.send(client, head + "Transfer-Encoding: chunked\r\n\r\n");
    const std::string data(16'384, 'x');
    for (int i = 0; i < 5 && !client.is_half_closed; ++i) rig.send(client, chunk(as_bytes(data)));
    CHECK_THAT(client.received, StartsWith("HTTP/1.1 413 "));
    CHECK(client.is_half_closed);
  }
  SECTION("that waits to be asked for") {
    rig.send(client, head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.received == "HTTP/1.1 100 Continue\r\n\r\n");
    rig.send(client, "hello");
    CHECK_THAT(client.received, Contains("HTTP/1.1 200 OK"));
  }
}

TEST_CASE("a head that does not come in time is answered 408", "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  for (char c : std::string_view("GET / HTT")) {
    rig.send(client, std::string_view(&c, 1));
    rig.pass_time(1'000);
  }
  CHECK(client.received.empty());
  rig.pass_time(1'000);
  CHECK_THAT(client.received, StartsWith("HTTP/1.1 408 "));
  rig.pass_time(limits::kLingerMs);
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a client that says nothing is let go silently", "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  SECTION("a new one soon") {
    rig.pass_time(10'000);
  }
  SECTION("one that has asked before, after the idle time") {
    rig.send(client, kProbe);
    rig.pass_time(59'999);
    REQUIRE(client.connection);
    client.received.clear();
    rig.pass_time(1);
  }
  CHECK(client.received.empty());
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("Connection: close is obeyed", "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  rig.send(client,
           "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
  CHECK_THAT(client.received, StartsWith("HTTP/1.1 200 OK") && Contains("Connection: close"));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("an HTTP/1.0 client may keep its connection where the answer has a length",
          "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  const std::string request = "GET /ipfs/bafkqaaa?format=raw HTTP/1.0\r\n";
  rig.send(client, request + "Connection: keep-alive\r\n\r\n");
  CHECK(client.connection);
  rig.send(client, request + "\r\n");
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a client that ends its side gets the answer that is already there",
          "[worker][session]") {
  Rig rig;
  Peer& client = rig.connect();
  client.space = 10;
  rig.send(client, kProbe);
  rig.end(client);
  CHECK(client.connection);
  rig.give_space(client, SIZE_MAX);
  CHECK_THAT(client.received, StartsWith("HTTP/1.1 200 OK"));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("an answer comes out the same whatever the kernel takes at a time", "[worker][session]") {
  const size_t step = GENERATE(size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1'000});
  Rig rig;
  rig.start_broker();
  const SampleCar car(30);
  Peer& client = rig.connect();
  rig.send(client, get(car));
  client.space = 0;
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n"));
  // The output advances in small steps, so that chunk lines, content and tails meet at every
  // offset.
  for (uint8_t byte : car.bytes) {
    rig.send(l2, chunk({&byte, 1}));
    rig.give_space(client, step);
  }
  while (rig.worker.stats().requests == 0) rig.give_space(client, step);
  CHECK(dechunked(client.received) == text(car.bytes));
}

TEST_CASE("a raw block comes with its length and only the range that was asked for",
          "[worker][session]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  const std::string target = "/ipfs/" + car.root.text() + "?format=raw";
  Peer& client = rig.connect();
  const auto block = text(car.bytes).substr(0, car.section_ends[0]);
  SECTION("whole") {
    rig.send(client, "GET " + target + " HTTP/1.1\r\nHost: edge\r\n\r\n");
    rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(as_bytes(block)));
    CHECK_THAT(client.received,
               StartsWith("HTTP/1.1 200 OK") && Contains("Content-Length: 83\r\n"));
    CHECK(client.received.substr(client.received.find("\r\n\r\n") + 4) ==
          block.substr(block.size() - 83));
  }
  SECTION("in part") {
    rig.send(client, "GET " + target + " HTTP/1.1\r\nHost: edge\r\nRange: bytes=2-5\r\n\r\n");
    rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(as_bytes(block)));
    CHECK_THAT(client.received, StartsWith("HTTP/1.1 206 ") && Contains("Content-Length: 4\r\n"));
    CHECK(client.received.substr(client.received.find("\r\n\r\n") + 4) ==
          block.substr(block.size() - 81, 4));
  }
  SECTION("beyond its end") {
    rig.send(client, "GET " + target + " HTTP/1.1\r\nHost: edge\r\nRange: bytes=83-\r\n\r\n");
    rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(as_bytes(block)));
    CHECK_THAT(client.received, StartsWith("HTTP/1.1 416 "));
  }
  SECTION("its head alone") {
    rig.send(client, "HEAD " + target + " HTTP/1.1\r\nHost: edge\r\n\r\n");
    rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(as_bytes(block)));
    CHECK_THAT(client.received, Contains("Content-Length: 83\r\n"));
    CHECK(client.received.ends_with("\r\n\r\n"));
  }
  CHECK(client.connection);
}

}  // namespace daphnis::worker::test

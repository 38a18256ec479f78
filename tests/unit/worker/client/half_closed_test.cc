// Tests of clients that end their side of the connection when they have asked (RFC 9112 section
// 9.6).

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr std::string_view kProbe = "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n";

Settings with_places(size_t clients_max) {
  Settings settings;
  settings.clients_max = clients_max;
  return settings;
}

}  // namespace

TEST_CASE("a client that ends its side gets what has still to be fetched", "[worker][half]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  SECTION("before a byte of it is there") {
    rig.end(client);
    rig.hand_off(fetch, post_with_length(car.bytes));
  }
  SECTION("in the midst of it") {
    Peer& l2 = rig.hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") +
                                       chunk(Bytes(car.bytes).first(car.section_ends[0])));
    rig.end(client);
    rig.send(l2, chunk(Bytes(car.bytes).subspan(car.section_ends[0])) + "0\r\n\r\n");
  }
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  CHECK(dechunked(client.received) == text(car.bytes));
  CHECK(client.ending == Ending::kClose);
  CHECK(rig.worker.stats().client_left == 0);
}

TEST_CASE("an HTTP/1.0 client may end its side", "[worker][half]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car, "HTTP/1.0"));
  rig.end(client);
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(client.received.substr(client.received.find("\r\n\r\n") + 4) == text(car.bytes));
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("all requests of a pipeline that ends are answered", "[worker][half]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  const std::string rest = GENERATE("", "GET /ipfs/baf");
  Peer& client = rig.connect();
  rig.send(client, std::string(kProbe) + get(car) + std::string(kProbe) + get(car) + rest);
  rig.end(client);
  REQUIRE(client.connection);
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  REQUIRE(client.connection);
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  CHECK(count(client.received, "HTTP/1.1 200 OK\r\n") == 4);
  CHECK(client.received.ends_with("\r\n0\r\n\r\n"));
  CHECK(client.ending == Ending::kClose);
  CHECK(rig.lines.size() == 4);
}

TEST_CASE("half a request that ends is no request", "[worker][half]") {
  Rig rig;
  Peer& client = rig.connect();
  rig.send(client, kProbe.substr(0, 20));
  rig.end(client);
  CHECK(client.received.empty());
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("a client that has ended its side is gone when a write to it fails", "[worker][half]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  Peer& l2 = rig.hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") +
                                     chunk(Bytes(car.bytes).first(car.section_ends[0])));
  rig.end(client);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  rig.lose(client);
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == fetch.fetch_id);
  CHECK_THAT(l2.received, StartsWith("HTTP/1.1 410 "));
  CHECK(rig.worker.stats().client_left == 1);
}

TEST_CASE("a client that has ended its side waits as long as any other", "[worker][half]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  rig.end(client);
  rig.pass_time(29'999);
  REQUIRE(client.connection);
  CHECK(client.received.empty());
  rig.pass_time(1 + limits::kDeadlineGraceMs);
  CHECK(status_line(client.received) == "HTTP/1.1 504 Gateway Timeout");
  CHECK(client.ending == Ending::kClose);
}

TEST_CASE("half-closed clients that got nothing give their places first", "[worker][half]") {
  Rig rig(with_places(4));
  rig.start_broker();
  const SampleCar car;
  const SampleCar other(2'000);
  Peer& idle = rig.connect();
  Peer& served = rig.connect();
  rig.send(served, get(other));
  rig.hand_off(rig.only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n") +
                                           chunk(Bytes(other.bytes).first(other.section_ends[0])));
  rig.end(served);
  Peer& first = rig.connect();
  rig.send(first, get(car));
  rig.end(first);
  Peer& second = rig.connect();
  rig.send(second, get(car));
  rig.end(second);
  CHECK(rig.worker.stats().clients == 4);

  Peer& third = rig.connect();
  CHECK(first.ending == Ending::kClose);
  CHECK_THAT(rig.lines.back(), Contains("outcome=client_left"));
  REQUIRE(second.connection);
  rig.send(third, get(car));
  Peer& fourth = rig.connect();
  CHECK(second.ending == Ending::kClose);
  REQUIRE(idle.connection);
  rig.send(fourth, get(car));
  rig.connect();
  CHECK(idle.ending == Ending::kClose);
  CHECK(served.connection);
  CHECK(third.connection);
  CHECK(fourth.connection);
  CHECK(rig.worker.stats().clients == 4);
}

}  // namespace daphnis::worker::test

#include "worker/client/client_bounds.h"

#include "common/base/limits.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;
using Place = ClientBounds::Place;
using Share = ClientBounds::Share;

const std::string kProbe = "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n";
const std::string kHere = "203.0.113.9";
const std::string kElsewhere = "203.0.113.10";

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

Settings bounded(size_t clients, size_t requests, uint64_t rate) {
  Settings settings;
  settings.clients_per_address = clients;
  settings.requests_per_address = requests;
  settings.request_rate_per_address = rate;
  return settings;
}

std::string said_for(const std::string& client) {
  return "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\nX-Forwarded-For: " + client +
         "\r\n\r\n";
}

}  // namespace

TEST_CASE("one address has so many connections, and the one beyond is told 429",
          "[worker][client_bounds]") {
  Rig rig(bounded(2, 0, 0));
  Peer& first = rig.connect(kHere);
  rig.connect(kHere);
  Peer& third = rig.connect(kHere);
  CHECK(status_line(third.received) == "HTTP/1.1 429 Too Many Requests");
  CHECK_THAT(third.received, Contains("Retry-After: 1\r\n") && Contains("Connection: close\r\n") &&
                                 Contains("too_many_requests"));
  CHECK(third.is_half_closed);
  Peer& other = rig.connect(kElsewhere);
  rig.send(other, kProbe);
  CHECK(status_line(other.received) == "HTTP/1.1 200 OK");
  CHECK(rig.worker.stats().over_connections == 1);

  rig.end(third);
  rig.end(first);
  Peer& fourth = rig.connect(kHere);
  rig.send(fourth, kProbe);
  CHECK(status_line(fourth.received) == "HTTP/1.1 200 OK");
}

TEST_CASE("only so many connections beyond the bound are told, and further ones are closed",
          "[worker][client_bounds]") {
  Rig rig(bounded(1, 0, 0));
  rig.connect(kHere);
  for (size_t i = 0; i < limits::kTurnedAwayPerNetworkMax; ++i) {
    CHECK(status_line(rig.connect(kHere).received) == "HTTP/1.1 429 Too Many Requests");
  }
  CHECK(rig.worker.on_client(kHere, rig.now_ms) == nullptr);
  CHECK(rig.worker.on_client(kElsewhere, rig.now_ms) != nullptr);
  CHECK(rig.worker.stats().over_connections == limits::kTurnedAwayPerNetworkMax + 1);
}

TEST_CASE("one address has so many requests under way, while another is served",
          "[worker][client_bounds]") {
  Rig rig(bounded(0, 1, 0));
  const SampleCar car;
  Peer& waiting = rig.connect(kHere);
  rig.send(waiting, get(car));
  Peer& second = rig.connect(kHere);
  rig.send(second, kProbe);
  CHECK(status_line(second.received) == "HTTP/1.1 429 Too Many Requests");
  CHECK_THAT(second.received, Contains("Retry-After: 1\r\n"));
  CHECK(second.connection);  // It may ask again on its connection.
  Peer& other = rig.connect(kElsewhere);
  rig.send(other, kProbe);
  CHECK(status_line(other.received) == "HTTP/1.1 200 OK");
  CHECK(rig.worker.stats().over_requests == 1);

  rig.lose(waiting);
  second.received.clear();
  rig.send(second, kProbe);
  CHECK(status_line(second.received) == "HTTP/1.1 200 OK");
}

TEST_CASE("one address asks so often in a second, and again a moment later",
          "[worker][client_bounds]") {
  Rig rig(bounded(0, 0, 2));
  Peer& client = rig.connect(kHere);
  rig.send(client, kProbe + kProbe + kProbe);
  CHECK(count(client.received, "HTTP/1.1 200 OK") == 2);
  CHECK(count(client.received, "HTTP/1.1 429 Too Many Requests") == 1);
  CHECK(rig.worker.stats().over_rate == 1);
  rig.pass_time(500);
  client.received.clear();
  rig.send(client, kProbe);
  CHECK(status_line(client.received) == "HTTP/1.1 200 OK");
}

TEST_CASE("an IPv6 customer is one address, whatever part of its /64 it asks from",
          "[worker][client_bounds]") {
  Rig rig(bounded(1, 0, 0));
  rig.connect("2001:db8:0:1::1");
  CHECK(status_line(rig.connect("2001:db8:0:1:ffff::2").received) ==
        "HTTP/1.1 429 Too Many Requests");
  CHECK(rig.connect("2001:db8:0:2::1").received.empty());
}

TEST_CASE("without trusted proxies local addresses have no bounds, and the first is warned of",
          "[worker][client_bounds]") {
  const Settings settings = bounded(1, 1, 1);
  ClientBounds bounds(settings);
  CHECK(bounds.apply_to(address(kHere)));
  CHECK_FALSE(bounds.take_unbounded());
  CHECK_FALSE(bounds.apply_to(address("127.0.0.1")));
  CHECK_FALSE(bounds.apply_to(address("10.0.0.7")));
  CHECK(bounds.take_unbounded() == address("127.0.0.1"));
  CHECK_FALSE(bounds.apply_to(address("10.0.0.8")));
  CHECK_FALSE(bounds.take_unbounded());
}

TEST_CASE("where proxies are named all others have bounds, local ones too",
          "[worker][client_bounds]") {
  Settings settings = bounded(1, 1, 1);
  settings.trusted_proxies.add(*parse_cidr("10.0.0.0/24"));
  ClientBounds bounds(settings);
  CHECK_FALSE(bounds.apply_to(address("10.0.0.7")));
  CHECK(bounds.apply_to(address("10.0.1.7")));
  CHECK(bounds.apply_to(address("127.0.0.1")));
  CHECK(bounds.apply_to(address(kHere)));
  CHECK_FALSE(bounds.take_unbounded());
}

TEST_CASE("where all bounds are off nobody has any, and nobody is warned of",
          "[worker][client_bounds]") {
  const Settings settings = bounded(0, 0, 0);
  ClientBounds bounds(settings);
  CHECK_FALSE(bounds.apply_to(address(kHere)));
  CHECK_FALSE(bounds.apply_to(address("127.0.0.1")));
  CHECK_FALSE(bounds.take_unbounded());
}

TEST_CASE("behind a trusted proxy the bounds are those of each client", "[worker][client_bounds]") {
  Settings settings = bounded(1, 0, 1);
  settings.trusted_proxies.add(*parse_cidr("10.0.0.1"));
  settings.client_field = peer::ClientField::kXForwardedFor;
  Rig rig(settings);
  Peer& proxy = rig.connect("10.0.0.1");
  Peer& more = rig.connect("10.0.0.1");
  rig.send(proxy, said_for(kHere));
  rig.send(more, said_for(kHere));
  rig.send(proxy, said_for(kElsewhere));
  CHECK(count(proxy.received, "HTTP/1.1 200 OK") == 2);
  CHECK(status_line(more.received) == "HTTP/1.1 429 Too Many Requests");
}

TEST_CASE("a network is forgotten once it has nothing", "[worker][client_bounds]") {
  const Settings settings = bounded(1, 1, 1'000);
  ClientBounds bounds(settings);
  Share connection;
  REQUIRE(bounds.take_connection(Network{1}, connection, 0) == Place::kFree);
  {
    Share request;
    REQUIRE(bounds.take_request(Network{1}, request, 0) == 0);
    Share another;
    CHECK(bounds.take_request(Network{1}, another, 0) == 1);
  }
  Share other;
  CHECK(bounds.take_request(Network{2}, other, 2'000) == 0);
  CHECK(bounds.networks() == 2);
  connection = {};
  CHECK(bounds.take_request(Network{2}, connection, 9'000) == 1);
  CHECK(bounds.networks() == 1);
}

TEST_CASE("networks beyond those that are counted have no bounds", "[worker][client_bounds]") {
  const Settings settings = bounded(1, 0, 0);
  ClientBounds bounds(settings);
  std::vector<Share> shares(limits::kClientNetworksMax);
  for (size_t i = 0; i < shares.size(); ++i) {
    REQUIRE(bounds.take_connection(Network{i + 1}, shares[i], 0) == Place::kFree);
  }
  for (int i = 0; i < 3; ++i) {
    Share share;
    CHECK(bounds.take_connection(Network{shares.size() + 1}, share, 0) == Place::kFree);
  }
  CHECK(bounds.networks() == limits::kClientNetworksMax);
  Share share;
  CHECK(bounds.take_connection(Network{1}, share, 0) == Place::kTaken);
}

}  // namespace daphnis::worker::test

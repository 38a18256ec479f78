#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

constexpr std::string_view kProxy = "10.0.0.1";

Settings behind_proxies(peer::ClientField field) {
  Settings settings;
  settings.trusted_proxies.add(*parse_cidr("10.0.0.0/8"));
  settings.client_field = field;
  return settings;
}

/// A request for what needs no L2, with one more header field.
std::string probe(std::string_view field) {
  return "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n" + std::string(field) +
         "\r\n\r\n";
}

}  // namespace

TEST_CASE("a trusted proxy names the client of each of its requests", "[worker][client_address]") {
  Rig rig(behind_proxies(peer::ClientField::kXForwardedFor));
  Peer& proxy = rig.connect(std::string(kProxy));
  rig.send(proxy, probe("X-Forwarded-For: 203.0.113.9"));
  rig.send(proxy, probe("X-Forwarded-For: 192.0.2.66, 2001:DB8::9"));
  rig.send(proxy, probe("Accept: */*"));
  REQUIRE(rig.lines.size() == 3);
  CHECK_THAT(rig.lines[0], Contains("client=203.0.113.9 "));
  CHECK_THAT(rig.lines[1], Contains("client=2001:db8::9 "));
  CHECK_THAT(rig.lines[2], Contains("client=10.0.0.1 "));
}

TEST_CASE("only the header field that the operator names is believed", "[worker][client_address]") {
  Rig rig(behind_proxies(peer::ClientField::kForwarded));
  Peer& proxy = rig.connect(std::string(kProxy));
  rig.send(proxy, probe("X-Forwarded-For: 192.0.2.66\r\nForwarded: for=203.0.113.9"));
  REQUIRE(rig.lines.size() == 1);
  CHECK_THAT(rig.lines[0], Contains("client=203.0.113.9 "));
}

TEST_CASE("a stranger cannot say that it is another", "[worker][client_address]") {
  Rig rig(behind_proxies(peer::ClientField::kXForwardedFor));
  rig.send(rig.connect("198.51.100.1"), probe("X-Forwarded-For: 203.0.113.9"));
  REQUIRE(rig.lines.size() == 1);
  CHECK_THAT(rig.lines[0], Contains("client=198.51.100.1 "));
}

TEST_CASE("without trusted proxies nobody is believed", "[worker][client_address]") {
  Rig rig;
  rig.send(rig.connect(std::string(kProxy)), probe("X-Forwarded-For: 203.0.113.9"));
  REQUIRE(rig.lines.size() == 1);
  CHECK_THAT(rig.lines[0], Contains("client=10.0.0.1 "));
}

TEST_CASE("the broker is told the network of the client, and not of its proxy",
          "[worker][client_address]") {
  Rig rig(behind_proxies(peer::ClientField::kXForwardedFor));
  rig.start_broker();
  const SampleCar car;
  std::string request = get(car);
  request.insert(request.size() - 2, "X-Forwarded-For: 203.0.113.9\r\n");
  rig.send(rig.connect(std::string(kProxy)), request);
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.client_network == static_cast<uint64_t>(network_of("203.0.113.9")));
}

}  // namespace daphnis::worker::test

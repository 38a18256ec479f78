#include <malloc.h>

#include "broker/l2_http/peers.h"
#include "common/base/network.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const std::string kHere = "192.0.2.1";
const std::string kElsewhere = "192.0.2.2";

int try_register(Rig& rig, const std::string& id, const std::string& address) {
  return rig.status(rig.register_l2(id, "", address));
}

L2 l2_number(uint64_t n, Network network) {
  L2 l2;
  l2.no = L2No{n};
  l2.network = network;
  return l2;
}

}  // namespace

TEST_CASE("one network is an IPv4 address or a /64 of IPv6", "[broker][per_address]") {
  CHECK(network_of("192.0.2.1") != network_of("192.0.2.2"));
  CHECK(network_of("::ffff:192.0.2.1") == network_of("192.0.2.1"));
  CHECK(network_of("2001:db8:0:1::1") == network_of("2001:db8:0:1:ffff::9"));
  CHECK(network_of("2001:db8:0:1::1") != network_of("2001:db8:0:2::1"));
  CHECK(network_of("fe80::1%eth0") == network_of("fe80::2%eth1"));
  CHECK(network_of("127.0.0.1") != network_of("::1"));
  CHECK(network_of("") != network_of("no address"));
}

TEST_CASE("one address registers so many L2s and others are not kept out",
          "[broker][per_address]") {
  Rig rig({.l2s_per_address = 3});
  const std::string here = GENERATE(as<std::string>{}, "192.0.2.1", "127.0.0.1", "2001:db8::1");
  for (int n = 0; n < 3; ++n) CHECK(try_register(rig, "l2-" + std::to_string(n), here) == 200);
  const ConnId refused = rig.register_l2("one-more", "", here);
  CHECK(rig.status(refused) == 503);
  CHECK(rig.conns[refused].out.find("address_full") != std::string::npos);
  CHECK(try_register(rig, "elsewhere", kElsewhere) == 200);
  SECTION("not even by taking over the id of another address") {
    CHECK(try_register(rig, "elsewhere", here) == 503);
    CHECK(rig.broker.registrations().registry().size() == 4);
  }
  SECTION("its own ids may change their connections") {
    CHECK(try_register(rig, "l2-0", here) == 200);
  }
  SECTION("a place that comes free is given again") {
    rig.hang_up(rig.register_l2("l2-0", "", here));
    CHECK(try_register(rig, "one-more", here) == 200);
  }
}

TEST_CASE("addresses of one /64 share their bound and 0 is none", "[broker][per_address]") {
  const size_t bound = GENERATE(size_t{0}, size_t{2});
  Rig rig({.l2s_per_address = bound});
  CHECK(try_register(rig, "a", "2001:db8::1") == 200);
  CHECK(try_register(rig, "b", "2001:db8::2:0:0:2") == 200);
  CHECK(try_register(rig, "c", "2001:db8::3") == (bound == 0 ? 200 : 503));
}

TEST_CASE("an idle connection gives way to a new one of its address", "[broker][per_address]") {
  Rig rig({.l2_connections_per_address = 3});
  const ConnId home = rig.register_l2("home", "?v=2");
  const ConnId elsewhere = rig.connect(kElsewhere);
  const ConnId asked = rig.connect();
  const ConnId silent = rig.connect();
  rig.send(asked, "POST /holdings/home HTTP/1.1\r\nHost: l1\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.status(asked) == 200);
  SECTION("the longest idle one first") {
    rig.connect();
    CHECK(rig.conns[silent].is_closed);
    CHECK_FALSE(rig.conns[asked].is_closed);
    rig.connect();
    CHECK(rig.conns[asked].is_closed);
    CHECK(rig.broker.counters().connections_displaced == 2);
  }
  SECTION("where none is idle the new one is closed") {
    rig.send(asked, "POST /hold");
    rig.send(silent, "P");
    CHECK(rig.conns[rig.connect()].is_closed);
    CHECK(rig.broker.counters().connections_refused == 1);
    CHECK_FALSE(rig.conns[silent].is_closed);
  }
  CHECK_FALSE(rig.conns[home].is_closed);
  CHECK_FALSE(rig.conns[elsewhere].is_closed);
  CHECK(rig.broker.registrations().registry().size() == 1);
}

TEST_CASE("an idle connection gives way to a new one of any address", "[broker][per_address]") {
  Rig rig({.connections_max = 4, .l2_connections_per_address = 0});
  std::vector<ConnId> hoard;
  for (int n = 0; n < 4; ++n) hoard.push_back(rig.connect());
  CHECK(try_register(rig, "home", kElsewhere) == 200);
  CHECK(rig.conns[hoard[0]].is_closed);
  CHECK(rig.broker.l2_server().connections() == 4);
}

TEST_CASE("connections are counted and forgotten however they end", "[broker][per_address]") {
  Peers peers;
  const Network here = network_of(kHere);
  peers.add(here);
  peers.add(here);
  const uint64_t place = peers.begin_idling(here, ConnId{1});
  CHECK(peers.connections(here) == 2);
  CHECK(peers.longest_idle(here) == ConnId{1});
  CHECK(peers.longest_idle() == ConnId{1});
  CHECK_FALSE(peers.longest_idle(network_of(kElsewhere)));
  peers.stop_idling(here, ConnId{1}, place);
  CHECK_FALSE(peers.longest_idle());
  peers.remove(here);
  peers.remove(here);
  CHECK(peers.networks() == 0);
}

TEST_CASE("the L2s of one address announce so many roots together", "[broker][per_address]") {
  Rig rig({.holdings_per_address = 3});
  for (int n = 0; n < 4; ++n) {
    const std::string id = "l2-" + std::to_string(n);
    const ConnId home = rig.register_l2(id, "?v=2");
    rig.announce(id, cid_number(static_cast<uint64_t>(n)));
    if (n == 0)
      rig.announce(id, cid_number(0), kHere, "add", rig.session_of(home));  // A known root.
  }
  const Holdings& holdings = rig.broker.registrations().holdings();
  CHECK(holdings.size() == 3);
  CHECK(rig.broker.counters().holdings_over_bound == 1);
  const ConnId other = rig.register_l2("elsewhere", "?v=2", kElsewhere);
  rig.announce("elsewhere", cid_number(9), kElsewhere);
  CHECK(holdings.size() == 4);
  rig.hang_up(other);
  CHECK(holdings.size() == 3);
}

TEST_CASE("the memory of announced roots is given back when they go", "[broker][per_address]") {
  constexpr uint64_t kL2s = 4;
  constexpr uint64_t kEach = 50'000;
  Holdings holdings;
  const bool goes_at_once = GENERATE(true, false);
  for (uint64_t n = 1; n <= kL2s; ++n) {
    for (uint64_t key = 0; key < kEach; ++key) {
      holdings.add(l2_number(n, Network{n}), n * 1'000'000 + key);
    }
  }
  CHECK(holdings.size() == kL2s * kEach);
  holdings.add(l2_number(9, Network{9}), 5);
  for (uint64_t n = 1; n <= kL2s; ++n) {
    for (uint64_t key = 0; key < kEach && !goes_at_once; ++key) {
      CHECK(holdings.remove(L2No{n}, n * 1'000'000 + key));
    }
    holdings.remove_all(L2No{n});
  }
  CHECK(holdings.size() == 1);
  CHECK(holdings.holders(5).size() == 1);
  CHECK(holdings.capacity() < 10'000);
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("an idle connection costs little whatever it asked before", "[broker][per_address]") {
  constexpr size_t kConnections = 500;
  Rig rig;
  const std::string request =
      "POST /holdings/nobody HTTP/1.1\r\nHost: l1\r\nX-Long: " + std::string(15'000, 'x') + "\r\n";
  rig.register_l2("nobody", "?v=2");
  const auto in_use = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  std::vector<ConnId> all;
  for (size_t n = 0; n < kConnections; ++n) all.push_back(rig.connect());
  const size_t before = in_use();
  for (const ConnId conn : all) {
    rig.send(conn, request);  // In two parts, so that the head must be kept.
    rig.send(conn, "Content-Length: 0\r\n\r\n");
    CHECK(rig.status(conn) == 200);
  }
  const size_t after = in_use();
  CHECK((after > before ? after - before : 0) / kConnections < 4'000);
}
#endif

}  // namespace daphnis::broker

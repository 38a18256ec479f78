// Tests of direct deliveries that come to the worker's own port.

#include "tests/unit/worker/direct_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a worker says which ports of its own are open, and when they are no more",
          "[worker][direct]") {
  Rig rig;
  const auto set_ports = [&](DataPorts ports) {
    rig.driver.core().set_data_ports(ports);
    rig.driver.after_input(rig.now_ms);
  };
  set_ports({.plain = 8503});
  rig.start_broker();
  CHECK(rig.only<ipc::DirectReady>().port == 8503);
  set_ports({.plain = 8503, .tls = 8603});
  const auto both = rig.sent<ipc::DirectReady>().back();
  CHECK(both.port == 8503);
  CHECK(both.tls_port == 8603);
  CHECK_FALSE(both.has_certificates);
  set_ports({.plain = 8503, .tls = 8603});
  CHECK(rig.sent<ipc::DirectReady>().empty());
  set_ports({});
  CHECK(rig.sent<ipc::DirectReady>().back().port == 0);
}

TEST_CASE("a delivery to the worker's own port is a direct one", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_to_port();
  rig.send(l2, rig.post());
  CHECK(rig.is_served());
  CHECK(rig.said() == ipc::DirectSays::kCar);
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  CHECK(l2.connection);
}

TEST_CASE("what was ordered over TLS comes so", "[worker][direct]") {
  Direct rig;
  rig.id.fill(9);
  ipc::AttemptOut out = rig.out(rig.id);
  out.needs_tls = true;
  rig.tell(out);
  Peer& in_clear = rig.connect_to_port();
  rig.send(in_clear, rig.post());
  CHECK_THAT(in_clear.received, Contains("403 Forbidden") && Contains("in_clear"));
  CHECK(rig.said() == ipc::DirectSays::kInClear);
  rig.send(rig.connect_directly(), rig.post());
  CHECK(rig.is_served());
}

TEST_CASE("a POST for an attempt of another worker goes to the broker as it came",
          "[worker][direct]") {
  Direct rig;
  Uuid other{};
  other.fill(9);
  const auto answer = [&](bool is_elsewhere) {
    rig.tell(ipc::AttemptAnswer{rig.sent<ipc::AttemptQuestion>().back().attempt_id, is_elsewhere});
  };
  const std::string post = rig.head_for(other, "Content-Length: 5\r\n") + "begin";
  SECTION("with its connection and all that was read") {
    Peer& l2 = rig.connect_to_port();
    rig.send(l2, post.substr(0, 30));
    rig.send(l2, post.substr(30));
    answer(true);
    CHECK(l2.ending == Ending::kGiveBack);
    CHECK(text(l2.given_back.surplus) == post);
    CHECK(l2.given_back.address == "192.0.2.51");
    CHECK(l2.given_back.cookie != 0);
    CHECK(l2.received.empty());
  }
  SECTION("behind another one, without that") {
    Peer& l2 = rig.connect_to_port();
    rig.send(l2, rig.post() + post);
    answer(true);
    CHECK(l2.ending == Ending::kGiveBack);
    CHECK(text(l2.given_back.surplus) == post);
    CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  }
  SECTION("a TLS session cannot: its L2 must come there by itself") {
    Peer& l2 = rig.connect_directly();
    rig.send(l2, post);
    answer(true);
    CHECK_THAT(l2.received, Contains("421 Misdirected Request") && Contains("other_worker"));
  }
  SECTION("an attempt that nobody knows is refused here") {
    Peer& l2 = rig.connect_to_port();
    rig.send(l2, post);
    answer(false);
    CHECK_THAT(l2.received, Contains("404 Not Found"));
  }
  CHECK(rig.sent<ipc::DirectDelivery>().size() <= 1);
}

}  // namespace daphnis::worker::test

// Tests of the connections on which direct deliveries come: their bounds and their ends.

#include "common/base/limits.h"
#include "tests/unit/worker/direct_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("a direct connection has bounds in time", "[worker][direct]") {
  Direct rig;
  Peer& l2 = rig.connect_directly();
  SECTION("until its first POST") {
    rig.pass_time(limits::kDirectHeadMs);
    CHECK_FALSE(l2.connection);
    CHECK(l2.received.empty());
  }
  SECTION("for a head") {
    rig.pass_time(limits::kDirectHeadMs - 1);
    rig.send(l2, "POST ");
    rig.pass_time(limits::kDirectHeadMs - 1);
    CHECK(l2.connection);
    rig.pass_time(1);
    CHECK_THAT(l2.received, Contains("408 Request Timeout") && Contains("too_slow"));
    CHECK(l2.is_half_closed);
  }
  SECTION("between two POSTs") {
    rig.send(l2, rig.head("Daphnis-Not-Found: 1\r\nContent-Length: 0\r\n"));
    rig.pass_time(limits::kDirectIdleMs - 1);
    CHECK(l2.connection);
    rig.pass_time(1);
    CHECK_FALSE(l2.connection);
  }
}

TEST_CASE("so many direct connections are open, and the one idle longest makes way",
          "[worker][direct]") {
  Direct rig;
  Peer& busy = rig.connect_directly();
  rig.send(busy, "POST ");
  rig.pass_time(1);
  Peer& oldest = rig.connect_directly();
  rig.pass_time(1);
  for (size_t i = 2; i < limits::kDirectConnectionsMax; ++i) rig.connect_directly();
  CHECK(oldest.connection);
  Peer& last = rig.connect_directly();
  CHECK(last.connection);
  CHECK_FALSE(oldest.connection);
  CHECK(busy.connection);
}

TEST_CASE("a worker that leaves finishes its direct deliveries and takes no more",
          "[worker][direct]") {
  Direct rig;
  Peer& idle = rig.connect_directly();
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
  rig.driver.drain(rig.now_ms);
  CHECK_FALSE(idle.connection);
  CHECK_FALSE(rig.connect_directly().connection);
  rig.send(l2, rig.car.bytes);
  CHECK(rig.is_served());
  CHECK_FALSE(l2.connection);
  CHECK(status_line(l2.received) == "HTTP/1.1 200 OK");
  rig.pass_time(Settings{}.drain_idle_ms);
  CHECK(rig.stops > 0);
}

TEST_CASE("a direct delivery outlives its broker, and other attempts do not", "[worker][direct]") {
  Direct rig;
  Uuid other{};
  other.fill(9);
  rig.order(other);
  Peer& l2 = rig.connect_directly();
  rig.send(l2, rig.head("Content-Length: " + std::to_string(rig.car.bytes.size()) + "\r\n"));
  rig.stop_broker();
  rig.send(l2, rig.car.bytes);
  CHECK(rig.is_served());
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.start_broker();
  Peer& late = rig.connect_directly();
  rig.send(late, rig.head_for(other, "Content-Length: 0\r\n"));
  rig.tell(ipc::AttemptAnswer{other});
  CHECK_THAT(late.received, Contains("404 Not Found"));
}

TEST_CASE("a direct connection whose socket is lost on the way is none", "[worker][direct]") {
  Direct rig;
  rig.tell(ipc::DirectSocket{.cookie = 5, .address = "192.0.2.50"});
  CHECK(rig.driver.sockets() == 1);  // The client's.
}

}  // namespace daphnis::worker::test

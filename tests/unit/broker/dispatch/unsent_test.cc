#include "tests/unit/broker/rig.h"

/// L2s that read their lines late, slowly, or not at all.
namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// Begins a fetch and ends it: its order, if `home` gets one, is answered with not-found, and takes
/// no place any more.
void ended_order(Rig& rig, ConnId home, WorkerId worker, uint64_t n) {
  const size_t before = rig.conns[home].out.size();
  rig.fetch(worker, n, cid_number(n));
  const std::string order = rig.conns[home].out.substr(before);
  if (!order.empty()) {
    rig.send(rig.connect(), "POST /data/" + cid_number(n).text() +
                                "?requestId=" + Rig::field(order, "requestId") +
                                " HTTP/1.1\r\nHost: l1\r\nContent-Length: 0\r\n"
                                "Daphnis-Not-Found: block\r\n\r\n");
  }
  rig.tell(worker, ipc::CancelFetch{n});
}

}  // namespace

TEST_CASE("an L2 that does not read is dropped", "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=256");
  const WorkerId worker = rig.connect_worker();
  rig.conns[home].reads = false;
  SECTION("when it takes nothing") {
    rig.advance(25'000);
  }
  SECTION("when what it takes is next to nothing") {
    for (uint64_t n = 0; n < 3'000; ++n) ended_order(rig, home, worker, n);
    for (int second = 0; second < 25 && !rig.conns[home].is_closed; ++second) {
      rig.take(home, 1'000);
      ended_order(rig, home, worker, 10'000 + static_cast<uint64_t>(second));
      rig.advance(1'000);
    }
  }
  CHECK(rig.broker.registrations().registry().size() == 0);
  CHECK(rig.conns[home].is_closed);
  CHECK(rig.broker.counters().drops_stuck == 1);
  CHECK(rig.broker.registrations().ring().size() == 0);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("an L2 that reads and is never done with it keeps its registration",
          "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=256");
  const WorkerId worker = rig.connect_worker();
  rig.conns[home].reads = false;
  for (uint64_t n = 0; n < 2'000; ++n) {
    ended_order(rig, home, worker, n);
    if (n > 9) rig.take(home, rig.conns[home].unsent_bytes / 2);
    if (n % 50 == 0) rig.advance(500);
  }
  CHECK(rig.orders(home).size() == 2'000);
  CHECK(rig.broker.counters().drops_stuck == 0);
}

TEST_CASE("a full set of orders at once does not cost an L2 its registration",
          "[broker][registration]") {
  Rig rig({.claims = RuleMode::kOff});
  const ConnId home = rig.register_l2("home", "?v=2&capacity=256");
  const WorkerId worker = rig.connect_worker();
  rig.conns[home].reads = false;
  for (uint64_t n = 0; n < 256; ++n) rig.fetch(worker, n, cid_number(n));
  CHECK(rig.orders(home).size() == 256);
  CHECK(rig.conns[home].unsent_bytes > limits::kL2UnsentBytesMax);
  rig.take(home, 1'000'000);
  rig.advance(500);
  CHECK(rig.broker.registrations().registry().size() == 1);
}

TEST_CASE("an L2 with its bound of unsent bytes gets no order until it has read some",
          "[broker][registration]") {
  Rig rig;
  const bool is_small = GENERATE(true, false);
  const size_t bound = is_small ? limits::kL2UnsentBytesMax : 256 * limits::kKiB;
  const ConnId home = rig.register_l2("home", is_small ? "?v=2&capacity=8" : "?v=2&capacity=256");
  const WorkerId worker = rig.connect_worker();
  rig.conns[home].reads = false;
  for (uint64_t n = 0; n < 2'000; ++n) ended_order(rig, home, worker, n);
  CHECK(rig.conns[home].unsent_bytes >= bound);
  CHECK(rig.conns[home].unsent_bytes < bound + limits::kKiB);
  rig.fetch(worker, 9'000, cid_number(9'000));
  const size_t before = rig.orders(home).size();
  rig.take(home, limits::kKiB);
  CHECK(rig.orders(home).size() == before + 1);
  CHECK(Rig::field(rig.orders(home).back(), "root") == cid_number(9'000).text());
}

TEST_CASE("an L2 that takes nothing for a second gets no order while others are there",
          "[broker][registration]") {
  Rig rig;
  const ConnId still = rig.register_l2("still", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.announce("still", kRoot);
  rig.conns[still].reads = false;
  ended_order(rig, still, worker, 1);
  CHECK(rig.orders(still).size() == 1);
  rig.advance(1'000);
  SECTION("another L2 is asked although this one holds the root") {
    const ConnId other = rig.register_l2("other", "?v=2");
    rig.fetch(worker, 2, kRoot);
    CHECK(rig.orders(other).size() == 1);
    rig.post_not_found(other, kRoot);
    CHECK_FALSE(rig.failure(worker, 2));
    rig.take(still, 1'000);
    CHECK(rig.orders(still).size() == 2);
  }
  SECTION("where there is no other the fetch waits for it as long as for a silent one") {
    rig.fetch(worker, 2, kRoot);
    CHECK_FALSE(rig.failure(worker, 2));
    rig.advance(800);
    CHECK(rig.failure(worker, 2) == Outcome::kSilent);
  }
  SECTION("it gets what waits for it as soon as it reads") {
    rig.fetch(worker, 2, kRoot);
    rig.advance(700);
    rig.take(still, 1);
    CHECK(rig.orders(still).size() == 2);
  }
  SECTION("once only a free place is missing what waits for it is patient") {
    rig.fetch(worker, 2, cid_number(2));
    rig.fetch(worker, 3, cid_number(3));
    rig.take(still, 1'000);
    REQUIRE(rig.orders(still).size() == 2);
    rig.post(still, cid_number(2));
    rig.advance(900);
    CHECK_FALSE(rig.failure(worker, 3));
    rig.take(still, 1'000);
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kComplete);
    CHECK(rig.orders(still).size() == 3);
  }
  CHECK(rig.broker.registrations().registry().size() >= 1);
}

TEST_CASE("a broker that was stopped itself does not drop L2s for it", "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.conns[home].reads = false;
  ended_order(rig, home, worker, 1);
  rig.now_ms += 60'000;  // After a pause of the process timers come before sockets.
  rig.broker.on_timer(rig.now_ms);
  rig.carry_out();
  rig.take(home, 1'000);
  rig.conns[home].reads = true;
  rig.advance(20'000);
  CHECK(rig.broker.registrations().registry().size() == 1);
}

TEST_CASE("a peer that asks on and on and reads no reply is cut off", "[broker][registration]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  const ConnId conn = rig.connect();
  rig.conns[conn].reads = false;
  const std::string request =
      "POST /holdings/home HTTP/1.1\r\nHost: l1\r\nContent-Length: 0\r\n\r\n";
  for (int i = 0; i < 10'000 && !rig.conns[conn].is_shut; ++i) rig.send(conn, request);
  CHECK(rig.conns[conn].is_shut);
  CHECK(rig.conns[conn].out.size() < limits::kL2UnsentBytesMax + 1'000);

  const ConnId reader = rig.connect();
  rig.conns[reader].reads = false;
  // The L2 always has something left to read, and is never far behind.
  for (int i = 0; i < 2'000; ++i) {
    rig.send(reader, request);
    if (i > 9) rig.take(reader, rig.conns[reader].unsent_bytes / 2);
  }
  CHECK_FALSE(rig.conns[reader].is_shut);
}

}  // namespace daphnis::broker

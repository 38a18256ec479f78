#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

}  // namespace

TEST_CASE("a fetch becomes an order and its POST a hand-off with all bytes read",
          "[broker][dispatch]") {
  Rig rig;
  const ConnId home = rig.register_l2("home-1", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 9, kRoot);
  REQUIRE(rig.orders(home).size() == 1);
  CHECK(Rig::field(rig.orders(home)[0], "root") == kRoot.text());
  CHECK(Rig::field(rig.orders(home)[0], "traceId") == "trace-9");

  const ConnId post = rig.post(home, kRoot);
  CHECK(rig.conns[post].out.empty());
  CHECK(rig.conns[post].handed_to == worker);
  const auto handoffs = rig.inbox<ipc::Handoff>(worker);
  REQUIRE(handoffs.size() == 1);
  CHECK(handoffs[0].fetch_id == 9);
  CHECK(handoffs[0].cookie == rig.conns[post].cookie);
  CHECK(handoffs[0].shape == StreamShape::kExact);
  CHECK(handoffs[0].attempt_number == 1);
  CHECK(handoffs[0].l2_id == "home-1");
  const auto text = std::string(as_text(handoffs[0].received));
  CHECK(text.starts_with("POST /data/"));
  CHECK(text.ends_with("\r\n\r\n4\r\nbody\r\n"));

  rig.tell(worker, ipc::HandoffTaken{handoffs[0].attempt_id});
  rig.end_attempt(worker, handoffs[0], Outcome::kComplete);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().fetches_served == 1);
  CHECK(rig.broker.counters().attempts_first_hit == 1);
  CHECK(rig.broker.counters().car_bytes_through_broker == 0);
}

TEST_CASE("the head of a POST may come in any two pieces or byte by byte", "[broker][dispatch]") {
  const auto run = [](size_t cut, size_t step) {
    Rig rig;
    const ConnId home = rig.register_l2("home-1");
    const WorkerId worker = rig.connect_worker();
    rig.fetch(worker, 1, kRoot);
    const std::string text = "PUT /data/" + kRoot.text() + "?requestId=" + rig.last_id(home) +
                             " HTTP/1.1\r\nHost: l1\r\nContent-Length: 5\r\n\r\nhello";
    const ConnId conn = rig.connect();
    size_t sent = 0;
    if (step == 0) {
      rig.send(conn, text.substr(0, cut));
      sent = cut;
      if (!rig.conns[conn].handed_to) {
        rig.send(conn, text.substr(cut));
        sent = text.size();
      }
    } else {
      while (!rig.conns[conn].handed_to && sent < text.size()) {
        rig.send(conn, text.substr(sent, step));
        sent += step;
      }
    }
    REQUIRE(rig.inbox<ipc::Handoff>(worker).size() == 1);
    const auto handoff = rig.inbox<ipc::Handoff>(worker)[0];
    CHECK(as_text(handoff.received) == std::string_view(text).substr(0, sent));
    CHECK(handoff.shape == StreamShape::kWholeDag);
  };
  for (size_t cut = 1; cut < 150; ++cut) run(cut, 0);
  run(0, 1);
}

TEST_CASE("a holder is asked before all others", "[broker][dispatch]") {
  Rig rig;
  std::map<std::string, ConnId> homes;
  for (int n = 0; n < 20; ++n) {
    const std::string id = "home-" + std::to_string(n);
    homes[id] = rig.register_l2(id, "?v=2");
  }
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 0; n < 20; ++n) {
    const std::string holder = "home-" + std::to_string(n);
    REQUIRE(rig.announce(holder, cid_number(n)).find("\"added\":1") != std::string::npos);
    rig.fetch(worker, n, cid_number(n));
    REQUIRE(rig.orders(homes[holder]).size() == 1);
    rig.post(homes[holder], cid_number(n));
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker).back(), Outcome::kComplete);
  }
  CHECK(rig.broker.counters().attempts == 20);
  CHECK(rig.broker.counters().attempts_first_hit == 20);
}

TEST_CASE("a not-found costs no try and the status is not found when all said so",
          "[broker][dispatch]") {
  Rig rig;
  std::vector<ConnId> homes;
  for (int n = 0; n < 10; ++n)
    homes.push_back(rig.register_l2("home-" + std::to_string(n), "?v=2"));
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  for (int answered = 0; answered < 10; ++answered) {
    CHECK_FALSE(rig.failure(worker, 1));
    for (const ConnId home : homes) {
      if (rig.orders(home).empty()) continue;
      const ConnId post = rig.post_not_found(home, kRoot);
      if (rig.status(post) == 200) break;
    }
  }
  CHECK(rig.failure(worker, 1) == Outcome::kNotFound);
  CHECK(rig.inbox<ipc::FetchFailed>(worker)[0].attempts == 10);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("at most 32 distinct L2s are asked", "[broker][dispatch]") {
  Rig rig;
  std::vector<ConnId> homes;
  for (int n = 0; n < 40; ++n)
    homes.push_back(rig.register_l2("home-" + std::to_string(n), "?v=2"));
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  for (int round = 0; round < 40 && !rig.failure(worker, 1); ++round) {
    for (const ConnId home : homes) {
      if (!rig.orders(home).empty()) rig.post_not_found(home, kRoot);
    }
  }
  CHECK(rig.failure(worker, 1) == Outcome::kNotFound);
  CHECK(rig.broker.counters().attempts == 32);
  for (const ConnId home : homes) CHECK(rig.orders(home).size() <= 1);
}

TEST_CASE("three silent L2s end a fetch and each had its time", "[broker][dispatch]") {
  Rig rig;
  for (int n = 0; n < 10; ++n) rig.register_l2("home-" + std::to_string(n));
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.advance(799);
  CHECK(rig.broker.counters().attempts == 1);
  rig.advance(1);
  CHECK(rig.broker.counters().attempts == 2);
  rig.advance(800);
  CHECK(rig.broker.counters().attempts == 3);
  rig.advance(2'999);
  CHECK(rig.broker.counters().silent == 0);
  CHECK_FALSE(rig.failure(worker, 1));
  rig.advance(1);
  CHECK(rig.failure(worker, 1) == Outcome::kSilent);
  CHECK(rig.broker.counters().attempts == 3);
  CHECK(rig.broker.counters().attempts_beside == 2);
  CHECK(rig.broker.counters().silent == 3);
  CHECK(rig.inbox<ipc::FetchFailed>(worker)[0].retry_after_s > 0);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("the worst that any L2 did decides the final status", "[broker][dispatch]") {
  Rig rig;
  const WorkerId worker = rig.connect_worker();
  SECTION("nobody is registered") {
    rig.fetch(worker, 1, kRoot);
    CHECK(rig.failure(worker, 1) == Outcome::kNoL2);
  }
  SECTION("one is silent and the others have nothing") {
    std::vector<ConnId> homes;
    for (const char* id : {"a", "b", "c"}) homes.push_back(rig.register_l2(id, "?v=2"));
    rig.fetch(worker, 1, kRoot);
    const auto asked = [&](ConnId home) { return !rig.orders(home).empty(); };
    const ConnId quiet = *std::ranges::find_if(homes, asked);
    rig.advance(800);
    for (int round = 0; round < 3; ++round) {
      for (const ConnId home : homes) {
        if (!rig.orders(home).empty() && home != quiet) rig.post_not_found(home, kRoot);
      }
    }
    CHECK_FALSE(rig.failure(worker, 1));
    rig.advance(3'000);
    CHECK(rig.failure(worker, 1) == Outcome::kSilent);
  }
  SECTION("one lied and one is silent") {
    const ConnId a = rig.register_l2("a", "?v=2");
    rig.fetch(worker, 1, kRoot);
    rig.post(a, kRoot);
    const ConnId b = rig.register_l2("b", "?v=2");
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kLied, true);
    CHECK(rig.orders(b).size() == 1);
    rig.advance(3'000);
    CHECK(rig.failure(worker, 1) == Outcome::kL2sFailed);
    CHECK(rig.broker.counters().outcomes[Outcome::kLied] == 1);
  }
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a fetch fails over to the next L2 until its worker wants no other",
          "[broker][dispatch]") {
  Rig rig;
  const ConnId a = rig.register_l2("a", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.post(a, kRoot);
  const ConnId b = rig.register_l2("b", "?v=2");
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kAborted, true);
  REQUIRE(rig.orders(b).size() == 1);
  rig.post(b, kRoot);
  const auto handoffs = rig.inbox<ipc::Handoff>(worker);
  REQUIRE(handoffs.size() == 2);
  CHECK(handoffs[1].attempt_number == 2);
  CHECK(handoffs[1].attempt_id != handoffs[0].attempt_id);
  rig.end_attempt(worker, handoffs[1], Outcome::kStalled, false);
  CHECK(rig.inbox<ipc::FetchFailed>(worker).empty());
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.counters().fetches_given_up == 1);
}

TEST_CASE("an L2 gets at most its capacity and the rest wait in order", "[broker][dispatch]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=2");
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 1; n <= 5; ++n) rig.fetch(worker, n, cid_number(n));
  CHECK(rig.orders(home).size() == 2);
  CHECK(rig.broker.dispatcher().waiting() == 3);
  rig.post_not_found(home, cid_number(2));
  REQUIRE(rig.orders(home).size() == 3);
  CHECK(Rig::field(rig.orders(home)[2], "traceId") == "trace-3");
  rig.tell(worker, ipc::CancelFetch{4});
  CHECK(rig.broker.dispatcher().waiting() == 1);
  rig.post(home, cid_number(3));
  CHECK(rig.orders(home).size() == 3);  // A streaming attempt still holds its place.
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kComplete);
  REQUIRE(rig.orders(home).size() == 4);
  CHECK(Rig::field(rig.orders(home)[3], "traceId") == "trace-5");
}

TEST_CASE("who waits for a place longer than the client would is told overloaded",
          "[broker][dispatch]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, cid_number(1));
  rig.post(home, cid_number(1));
  rig.fetch(worker, 2, cid_number(2), 3'000);
  rig.advance(2'999);
  CHECK_FALSE(rig.failure(worker, 2));
  rig.advance(1);
  CHECK(rig.failure(worker, 2) == Outcome::kOverloaded);
  CHECK(rig.orders(home).size() == 1);
  CHECK(rig.broker.dispatcher().waiting() == 0);
}

TEST_CASE("a free L2 is preferred to a full one but a full holder is waited for",
          "[broker][dispatch]") {
  Rig rig({.claims = RuleMode::kOff});
  const ConnId holder = rig.register_l2("holder", "?v=2&capacity=1");
  const ConnId other = rig.register_l2("other", "?v=2&capacity=8");
  const WorkerId worker = rig.connect_worker();
  rig.announce("holder", cid_number(1));
  rig.announce("holder", cid_number(2));
  rig.fetch(worker, 1, cid_number(1));
  CHECK(rig.orders(holder).size() == 1);
  rig.fetch(worker, 2, cid_number(2));
  CHECK(rig.orders(other).empty());
  for (uint64_t n = 10; n < 16; ++n) rig.fetch(worker, n, cid_number(n));
  CHECK(rig.orders(other).size() == 6);
  rig.post_not_found(holder, cid_number(1));
  CHECK(Rig::field(rig.orders(holder).back(), "traceId") == "trace-2");
}

TEST_CASE("an L2 that lied is asked after all others for a while", "[broker][dispatch]") {
  Rig rig({.claims = RuleMode::kOff});
  const ConnId liar = rig.register_l2("liar", "?v=2&capacity=100");
  const WorkerId worker = rig.connect_worker();
  rig.announce("liar", cid_number(5));
  rig.fetch(worker, 1, kRoot);
  rig.post(liar, kRoot);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kLied);
  const ConnId honest = rig.register_l2("honest", "?v=2&capacity=100");
  for (uint64_t n = 2; n < 12; ++n) rig.fetch(worker, n, cid_number(n));
  CHECK(rig.orders(liar).size() == 1);
  CHECK(rig.orders(honest).size() == 10);
  for (uint64_t n = 2; n < 12; ++n) rig.tell(worker, ipc::CancelFetch{n});
  rig.advance(60'000);
  rig.fetch(worker, 20, cid_number(5));
  CHECK(rig.orders(liar).size() == 2);
}

}  // namespace daphnis::broker

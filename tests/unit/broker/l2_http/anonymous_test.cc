#include "tests/unit/broker/rig.h"

/// Deliveries without an id, which anybody behind the L2's address may have sent.
namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// A broker with one L2 that holds kRoot and has an order for it.
struct Ordered {
  Ordered() : home(rig.register_l2("home", "?v=2")), worker(rig.connect_worker()) {
    rig.announce("home", kRoot);
    rig.fetch(worker, 1, kRoot);
  }
  const L2& l2() const {
    const L2* found = nullptr;
    rig.broker.registrations().registry().for_each([&](const L2& one) {
      if (one.id() == "home") found = &one;
    });
    REQUIRE(found);
    return *found;
  }
  void check_nothing_is_said_of_it() const {
    const L2Tally& tally = l2().tally;
    CHECK(tally.not_found + tally.failed + tally.lied + tally.complete + tally.silent == 0);
    CHECK(tally.car_bytes == 0);
    CHECK_FALSE(l2().is_ejected(rig.now_ms));
    CHECK(rig.broker.registrations().holdings().size() == 1);
  }
  /// A delivery without an id comes and is no use.
  void answer_badly(Outcome outcome) {
    CHECK(rig.conns[rig.post_bare(kRoot)].handed_to == worker);
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker).back(), outcome, true);
  }
  void say_not_found() {
    const std::string head = "Content-Length: 0\r\nDaphnis-Not-Found: 1\r\n";
    CHECK(rig.status(rig.post_bare(kRoot, head, "")) == 200);
  }

  Rig rig;
  ConnId home;
  WorkerId worker;
};

}  // namespace

TEST_CASE("what came without an id says nothing of the L2, which is asked again for an id",
          "[broker][deliveries]") {
  Ordered at;
  SECTION("bytes that are not what the root says") {
    at.answer_badly(Outcome::kLied);
  }
  SECTION("an upload that was cut") {
    at.answer_badly(Outcome::kAborted);
  }
  SECTION("an upload that stalled") {
    at.answer_badly(Outcome::kStalled);
  }
  SECTION("an upload that ended before its first byte") {
    at.answer_badly(Outcome::kNotFound);
  }
  SECTION("a not-found") {
    at.say_not_found();
  }
  at.check_nothing_is_said_of_it();
  REQUIRE(at.rig.orders(at.home).size() == 2);
  CHECK(at.rig.status(at.rig.post_bare(kRoot)) == 400);
  CHECK(at.rig.conns[at.rig.post(at.home, kRoot)].handed_to == at.worker);
  at.rig.end_attempt(at.worker, at.rig.inbox<ipc::Handoff>(at.worker).back(), Outcome::kComplete);
  CHECK(at.l2().tally.complete == 1);
  CHECK(at.rig.broker.is_quiet());
}

TEST_CASE("a good delivery without an id is served and not counted for the L2",
          "[broker][deliveries]") {
  Ordered at;
  CHECK(at.rig.conns[at.rig.post_bare(kRoot)].handed_to == at.worker);
  at.rig.end_attempt(at.worker, at.rig.inbox<ipc::Handoff>(at.worker).back(), Outcome::kComplete);
  at.check_nothing_is_said_of_it();
  CHECK(at.rig.broker.counters().fetches_served == 1);
  CHECK(at.rig.broker.counters().deliveries_without_id == 1);
  CHECK(at.rig.broker.is_quiet());
}

TEST_CASE("others are asked before an L2 that a stranger delivered for", "[broker][deliveries]") {
  Ordered at;
  const ConnId other = at.rig.register_l2("other", "?v=2", "192.0.2.2");
  at.say_not_found();
  CHECK(at.rig.orders(at.home).size() == 1);
  REQUIRE(at.rig.orders(other).size() == 1);
  at.rig.post_not_found(other, kRoot);
  CHECK(at.rig.orders(at.home).size() == 2);
  SECTION("its own word decides") {
    at.rig.post_not_found(at.home, kRoot);
    CHECK(at.l2().tally.not_found == 1);
    CHECK(at.rig.failure(at.worker, 1) == Outcome::kNotFound);
  }
  SECTION("its silence is silence") {
    at.rig.advance(3'000);
    CHECK(at.rig.failure(at.worker, 1) == Outcome::kSilent);
  }
  CHECK(at.rig.orders(at.home).size() == 2);
  CHECK(at.rig.broker.is_quiet());
}

TEST_CASE("an L2 that goes after a stranger has delivered for it was silent",
          "[broker][deliveries]") {
  Ordered at;
  CHECK(at.rig.conns[at.rig.post_bare(kRoot)].handed_to == at.worker);
  at.rig.hang_up(at.home);
  at.rig.end_attempt(at.worker, at.rig.inbox<ipc::Handoff>(at.worker).back(), Outcome::kLied, true);
  const auto failure = at.rig.failure(at.worker, 1);
  CHECK((failure == Outcome::kSilent));
  CHECK(at.rig.broker.is_quiet());
}

}  // namespace daphnis::broker

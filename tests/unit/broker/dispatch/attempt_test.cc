#include "broker/dispatch/attempt.h"

#include "tests/unit/broker/fake_line.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

/// One attempt of one fetch at one L2 that holds the root.
struct Life {
  explicit Life(const Capabilities& capabilities = kV2Capabilities) {
    auto admitted = registrations.open({.l2_id = "home", .capabilities = capabilities},
                                       std::make_unique<FakeLine>(far_end), "192.0.2.1", 1'000);
    l2 = admitted->l2;
    fetch.no = FetchNo{5};
    fetch.request.root = cid_number(42);
    fetch.key = key_of_multihash(fetch.request.root);
    registrations.holdings().add(*l2, fetch.key);
    attempt.order(fetch, *l2, 1'800, 1'000);
  }
  void report(Outcome outcome) {
    attempt.deliver(is_anonymous, 1'100);
    attempt.hand_off();
    const ipc::AttemptEnded message{.outcome = outcome, .body_bytes = 7};
    attempt.end(AttemptEnding::reported(message), 2'000);
    CHECK(context.counters.outcomes[outcome] == 1);
  }
  [[nodiscard]] uint64_t tallied() const {
    const L2Tally& tally = l2->tally;
    return tally.complete + tally.not_found + tally.silent + tally.failed + tally.lied +
           tally.cancelled;
  }
  [[nodiscard]] uint32_t fetch_counts() const {
    return fetch.silent + fetch.failed + fetch.not_found + fetch.lost;
  }

  FakeL2 far_end;
  Context context{
      .settings = {}, .random = [] { return Uuid{}; }, .out = {}, .timers = {}, .counters = {}};
  Registrations registrations{context};
  L2* l2 = nullptr;
  Fetch fetch;
  Attempt attempt{Uuid{1}, false, registrations, context};
  bool is_anonymous = false;
};

}  // namespace

TEST_CASE("an attempt holds a place and a deadline until it ends", "[broker][attempts]") {
  Life life;
  const size_t timers = life.context.timers.size();
  CHECK(life.l2->places.attempts().size() == 1);
  CHECK(life.fetch.attempts.size() == 1);
  CHECK(life.attempt.number() == 1);
  SECTION("its order keeps the place, for a time, where no POST came") {
    life.attempt.end({.how = Outcome::kDraining}, 1'500);
    CHECK(life.l2->places.given_up() == 1);
    CHECK(life.context.timers.size() == timers);
    CHECK(life.context.counters.orders_given_up == 1);
    CHECK(life.tallied() + life.fetch_counts() == 0);
    CHECK_FALSE(life.attempt.was_delivered());
  }
  SECTION("the place is free where a POST came") {
    life.attempt.deliver(false, 1'400);
    life.attempt.end({.how = Outcome::kHandOffRefused}, 1'500);
    CHECK(life.l2->places.taken() == 0);
    CHECK(life.l2->places.held_ms() == 500);
    CHECK(life.context.timers.size() == timers - 1);
  }
  SECTION("the place is free where the registration was lost") {
    life.attempt.end({.how = Outcome::kRegistrationLost}, 1'500);
    CHECK(life.l2->places.taken() == 0);
  }
  CHECK(life.l2->places.attempts().empty());
  CHECK(life.fetch.attempts.empty());
}

TEST_CASE("what ends an attempt before its hand-off is counted once for each",
          "[broker][attempts]") {
  Life life;
  const Counters& counters = life.context.counters;
  SECTION("silent") {
    life.attempt.end({.how = Outcome::kSilent}, 1'800);
    CHECK(counters.silent + life.l2->tally.silent + life.fetch.silent == 3);
  }
  SECTION("its L2 is lost") {
    life.attempt.end({.how = Outcome::kRegistrationLost}, 1'500);
    CHECK(counters.l2_lost + life.l2->tally.failed + life.fetch.failed == 3);
  }
  SECTION("cancelled") {
    life.attempt.end({.how = Outcome::kCancelled}, 1'500);
    CHECK(life.l2->tally.cancelled == 1);
    CHECK(life.fetch_counts() == 0);
  }
  SECTION("not found") {
    life.attempt.deliver(false, 1'100);
    life.attempt.end({.how = Outcome::kNotFound, .lacks = NotFound::kRoot}, 1'100);
    CHECK(counters.not_found + life.l2->tally.not_found + life.fetch.not_found == 3);
    CHECK(life.registrations.holdings().size() == 0);
  }
  SECTION("refused") {
    life.attempt.deliver(false, 1'100);
    life.attempt.end({.how = Outcome::kHandOffRefused}, 1'100);
    CHECK(counters.handoffs_refused + life.fetch.lost == 2);
    CHECK(life.tallied() == 0);
  }
  CHECK(life.tallied() <= 1);
  CHECK(life.fetch_counts() <= 1);
}

TEST_CASE("a worker's report counts for the L2 and the fetch", "[broker][attempts]") {
  Life life;
  SECTION("complete") {
    life.report(Outcome::kComplete);
    CHECK(life.l2->tally.complete == 1);
    CHECK(life.fetch_counts() == 0);
  }
  SECTION("not found keeps the holding") {
    life.report(Outcome::kNotFound);
    CHECK(life.context.counters.not_found + life.l2->tally.not_found + life.fetch.not_found == 3);
    CHECK(life.registrations.holdings().size() == 1);
  }
  SECTION("a lie") {
    life.report(Outcome::kLied);
    CHECK(life.l2->tally.lied + life.fetch.failed == 2);
    CHECK(life.l2->is_ejected(2'000));
    CHECK(life.registrations.holdings().size() == 0);
  }
  SECTION("aborted") {
    life.report(Outcome::kAborted);
    CHECK(life.l2->tally.failed + life.fetch.failed == 2);
  }
  SECTION("stalled") {
    life.report(Outcome::kStalled);
    CHECK(life.l2->tally.silent + life.fetch.silent == 2);
    CHECK(life.context.counters.silent == 0);
  }
  SECTION("cancelled") {
    life.report(Outcome::kCancelled);
    CHECK(life.l2->tally.cancelled == 1);
    CHECK(life.fetch_counts() == 0);
  }
  SECTION("overtaken") {
    life.report(Outcome::kOvertaken);
    CHECK(life.l2->tally.cancelled == 1);
    CHECK(life.fetch_counts() == 0);
  }
  SECTION("yielded") {
    life.report(Outcome::kYielded);
    CHECK(life.l2->tally.cancelled == 1);
    CHECK(life.fetch_counts() == 0);
  }
  SECTION("lost") {
    life.report(Outcome::kHandOffLost);
    CHECK(life.fetch.lost == 1);
    CHECK(life.tallied() == 0);
  }
  CHECK(life.l2->tally.car_bytes == 7);
  CHECK(life.attempt.was_delivered());
}

TEST_CASE("a whole DAG that the worker cannot use counts against nobody", "[broker][attempts]") {
  Life life(Capabilities{});
  life.report(Outcome::kHandOffLost);
  CHECK(life.tallied() + life.fetch_counts() == 0);
  CHECK(life.fetch.unusable == 1);
  CHECK(life.fetch.prefers_exact);
}

TEST_CASE("an attempt whose worker is gone counts for nobody, and as not delivered",
          "[broker][attempts]") {
  Life life;
  life.attempt.deliver(false, 1'100);
  life.attempt.hand_off();
  CHECK(life.attempt.was_delivered());
  life.attempt.end({.how = Outcome::kWorkerGone}, 1'500);
  CHECK(life.tallied() + life.fetch_counts() == 0);
  CHECK_FALSE(life.attempt.was_delivered());
}

TEST_CASE("an anonymous delivery only makes its fetch ask the L2 again", "[broker][attempts]") {
  Life life;
  life.is_anonymous = true;
  life.report(Outcome::kLied);
  CHECK(life.tallied() + life.l2->tally.car_bytes + life.fetch_counts() == 0);
  CHECK(life.fetch.unheard == std::vector{life.l2->no});
  CHECK(life.fetch.delivered_for == std::vector{life.l2->no});
  CHECK(life.registrations.holdings().size() == 1);
}

TEST_CASE("the end of an attempt whose fetch is over counts for its L2", "[broker][attempts]") {
  Life life;
  life.attempt.deliver(false, 1'100);
  life.attempt.hand_off();
  life.attempt.leave_fetch();
  const ipc::AttemptEnded message{.outcome = Outcome::kNotFound};
  life.attempt.end(AttemptEnding::reported(message), 2'000);
  CHECK(life.l2->tally.not_found == 1);
  CHECK(life.context.counters.not_found + life.fetch_counts() == 0);
}

}  // namespace daphnis::broker

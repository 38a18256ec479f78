#include <set>
#include <utility>
#include <vector>

#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// Whom a fetch asks for what a proven block links to, and what silence about such a block means.
namespace daphnis::broker {
namespace {

constexpr auto kHandOff = Dispatcher::Verdict::kHandOff;

CarRequest raw(uint64_t n) {
  return {.root = cid_number(n), .format = AnswerFormat::kRaw};
}

/// A crowd of L2s, of which `prover` has proven a block that links to the blocks 100 to 107.
struct Crowd {
  explicit Crowd(Settings settings = {}, size_t others_count = 12,
                 const Capabilities& capabilities = kV2Capabilities, bool is_over = true)
      : dispatch(std::move(settings)), others(others_count) {
    for (size_t i = 0; i < others.size(); ++i) {
      dispatch.add(others[i], "other-" + std::to_string(i), 3, capabilities);
    }
    holder = &dispatch.add(prover, "prover");
    dispatch.fetch(1, *holder, raw(42));
    CHECK(dispatch.post(prover) == kHandOff);
    dispatch.dispatcher.on_links(kWorker, links());
    if (is_over) dispatch.report(prover, Outcome::kComplete, false, 1);
  }
  [[nodiscard]] ipc::Links links() const {
    ipc::Links links{.attempt_id = prover.orders.back().attempt_id};
    for (uint64_t n = 100; n < 108; ++n) links.keys.push_back(key_of_multihash(cid_number(n)));
    return links;
  }
  void ask(uint64_t fetch_id, const CarRequest& request) {
    dispatch.fetch_unannounced(fetch_id, request);
  }
  /// The one of the others that has an unanswered order says that it lacks the block.
  void deny_last() {
    for (FakeL2& other : others) {
      if (other.orders.empty() || !denied.insert(&other).second) continue;
      dispatch.say_not_found(other);
      return;
    }
  }
  [[nodiscard]] size_t orders_of_others() const {
    size_t orders = 0;
    for (const FakeL2& other : others) orders += other.orders.size();
    return orders;
  }

  Dispatch dispatch;
  FakeL2 prover;
  std::vector<FakeL2> others;
  std::set<const FakeL2*> denied;
  L2* holder = nullptr;
  Counters& counters = dispatch.context.counters;
};

}  // namespace

TEST_CASE("who proved a block is asked first for what it links to", "[broker][descent]") {
  Crowd crowd;
  CHECK(crowd.counters.descent_learnt == 8);
  for (uint64_t n = 100; n < 108; ++n) {
    crowd.ask(n, raw(n));
    CHECK(crowd.dispatch.post(crowd.prover) == kHandOff);
    crowd.dispatch.report(crowd.prover, Outcome::kComplete, false, 1);
  }
  CHECK(crowd.prover.orders.size() == 9);
  CHECK(crowd.orders_of_others() == 0);
  CHECK(crowd.counters.descent_hits == 8);
  CHECK(crowd.dispatch.dispatcher.descent().size() == 8);
}

TEST_CASE("fetches wait for a place at the prover, as at a holder", "[broker][descent]") {
  Crowd crowd;
  for (uint64_t n = 100; n < 108; ++n) crowd.ask(n, raw(n));
  CHECK(crowd.prover.orders.size() == 1 + 3);
  CHECK(crowd.dispatch.dispatcher.waiting() == 5);
  for (size_t served = 1; served <= 8; ++served) {
    const auto order = crowd.prover.orders[served];
    CHECK(crowd.dispatch.dispatcher
              .on_delivery(order.attempt_id, order.request.root, std::nullopt, false,
                           crowd.dispatch.now_ms)
              .verdict == kHandOff);
    (void)crowd.dispatch.dispatcher.hand_off(order.attempt_id, crowd.dispatch.now_ms);
    (void)crowd.dispatch.dispatcher.on_attempt_ended(
        kWorker, {.attempt_id = order.attempt_id, .outcome = Outcome::kComplete},
        crowd.dispatch.now_ms);
  }
  CHECK(crowd.prover.orders.size() == 9);
  CHECK(crowd.orders_of_others() == 0);
  CHECK(crowd.dispatch.dispatcher.fetches() == 0);
}

TEST_CASE("a prover that lacks the block is struck, and costs the ring nothing",
          "[broker][descent]") {
  Crowd crowd({.candidates_max = 4});
  crowd.ask(100, raw(100));
  crowd.dispatch.say_not_found(crowd.prover);
  CHECK(crowd.counters.descent_struck == 1);
  for (size_t asked = 1; asked <= 4; ++asked) {
    CHECK(crowd.orders_of_others() == asked);
    crowd.deny_last();
  }
  CHECK(crowd.orders_of_others() == 4);
  CHECK(crowd.dispatch.failures().at(100) == Outcome::kNotFound);
  crowd.ask(200, raw(100));
  CHECK(crowd.prover.orders.size() == 2);
}

TEST_CASE("a prover that is silent or lies is struck", "[broker][descent]") {
  Crowd crowd;
  crowd.ask(100, raw(100));
  SECTION("silent") {
    crowd.dispatch.advance(10'000);
  }
  SECTION("lying") {
    CHECK(crowd.dispatch.post(crowd.prover) == kHandOff);
    crowd.dispatch.report(crowd.prover, Outcome::kLied, true);
  }
  SECTION("cut") {
    CHECK(crowd.dispatch.post(crowd.prover) == kHandOff);
    crowd.dispatch.report(crowd.prover, Outcome::kAborted, true);
  }
  CHECK(crowd.counters.descent_struck == 1);
  CHECK(crowd.orders_of_others() >= 1);
  CHECK(crowd.dispatch.dispatcher.descent().size() == 7);
}

TEST_CASE("a prover whose client left is not struck", "[broker][descent]") {
  Crowd crowd;
  crowd.ask(100, raw(100));
  crowd.dispatch.cancel(100);
  CHECK(crowd.counters.descent_struck == 0);
  CHECK(crowd.dispatch.dispatcher.descent().size() == 8);
}

TEST_CASE("a holder comes before a prover, and a prover before the ring", "[broker][descent]") {
  Crowd crowd;
  const std::string id = "other-3";
  L2& holder = *crowd.dispatch.registrations.registry().find(id);
  crowd.dispatch.make_known(holder);
  crowd.dispatch.fetch(100, holder, raw(100));
  CHECK(crowd.others[3].orders.size() == 1);
  CHECK(crowd.counters.descent_hits == 0);
  crowd.dispatch.say_not_found(crowd.others[3]);
  CHECK(crowd.prover.orders.size() == 2);
  CHECK(crowd.counters.descent_hits == 1);
}

TEST_CASE("a prover comes before a holder that has never delivered", "[broker][descent]") {
  Crowd crowd;
  const std::string id = "other-3";
  crowd.dispatch.fetch(100, *crowd.dispatch.registrations.registry().find(id), raw(100));
  CHECK(crowd.counters.descent_hits == 1);
  CHECK(crowd.prover.orders.size() == 2);
  crowd.dispatch.say_not_found(crowd.prover);
  CHECK(crowd.others[3].orders.size() == 1);
}

TEST_CASE("who proved a block is no stranger before the end of that attempt is told",
          "[broker][descent]") {
  Crowd crowd({}, 12, kV2Capabilities, false);
  for (uint64_t n = 100; n < 108; ++n) crowd.ask(n, raw(n));
  CHECK(crowd.prover.orders.size() == 3);  // Of which the first has no end yet.
  CHECK(crowd.orders_of_others() == 0);
  CHECK(crowd.holder->health->blocks_proven() == 0);
  CHECK(crowd.dispatch.registrations.health().healths().with_deeds() == 1);
  CHECK(crowd.dispatch.post(crowd.prover) == kHandOff);
  crowd.dispatch.report(crowd.prover, Outcome::kComplete, false, 1);
  CHECK(crowd.holder->health->blocks_proven() == 1);
  CHECK(crowd.dispatch.registrations.health().healths().with_deeds() == 1);
}

TEST_CASE("of the first two that are asked one at most is a prover", "[broker][descent]") {
  Crowd crowd;
  FakeL2 second;
  L2& l2 = crowd.dispatch.add(second, "second");
  crowd.dispatch.fetch(2, l2, raw(43));
  CHECK(crowd.dispatch.post(second) == kHandOff);
  ipc::Links links = crowd.links();
  links.attempt_id = second.orders.back().attempt_id;
  crowd.dispatch.dispatcher.on_links(kWorker, links);
  crowd.dispatch.report(second, Outcome::kComplete, false, 1);

  crowd.ask(100, raw(100));
  CHECK(second.orders.size() == 2);
  crowd.dispatch.say_not_found(second);
  // The ring's first may be the prover; then it is asked for that.
  const size_t from_descent = crowd.counters.descent_hits;
  CHECK(from_descent == 1);
  CHECK(crowd.orders_of_others() + crowd.prover.orders.size() - 1 == 1);
}

TEST_CASE("what is known of an L2 goes with its registration", "[broker][descent]") {
  Crowd crowd;
  crowd.dispatch.lose(*crowd.holder);
  CHECK(crowd.dispatch.dispatcher.descent().size() == 0);
  FakeL2 again;
  crowd.dispatch.come_back(again, "prover");
  crowd.ask(100, raw(100));
  CHECK(crowd.counters.descent_hits == 0);
}

TEST_CASE("links count only while the attempt is its worker's and has an id", "[broker][descent]") {
  Crowd crowd;
  crowd.dispatch.fetch(2, *crowd.holder, raw(43));
  ipc::Links links{.attempt_id = crowd.prover.orders.back().attempt_id, .keys = {7, 8}};
  crowd.dispatch.dispatcher.on_links(kWorker, links);  // It has no POST.
  const auto order = crowd.prover.orders.back();
  const bool is_anonymous = GENERATE(false, true);
  CHECK(crowd.dispatch.dispatcher
            .on_delivery(order.attempt_id, order.request.root, std::nullopt, is_anonymous,
                         crowd.dispatch.now_ms)
            .verdict == kHandOff);
  (void)crowd.dispatch.dispatcher.hand_off(order.attempt_id, crowd.dispatch.now_ms);
  crowd.dispatch.dispatcher.on_links(WorkerId{9}, links);
  CHECK(crowd.dispatch.dispatcher.descent().size() == 8);
  crowd.dispatch.dispatcher.on_links(kWorker, links);
  CHECK(crowd.dispatch.dispatcher.descent().size() == (is_anonymous ? 8 : 10));
}

TEST_CASE("a question waits for links only where they might decide whom it asks first",
          "[broker][descent]") {
  Crowd crowd;
  Dispatcher& dispatcher = crowd.dispatch.dispatcher;
  CHECK(dispatcher.waits_for_links(raw(200)));
  CHECK(dispatcher.waits_for_links({.root = cid_number(200), .scope = DagScope::kBlock}));
  CHECK_FALSE(dispatcher.waits_for_links({.root = cid_number(200), .path = {"a"}}));
  // An L2 has proven the block, or one that links to it.
  CHECK_FALSE(dispatcher.waits_for_links(raw(42)));
  CHECK_FALSE(dispatcher.waits_for_links(raw(100)));

  // Who has proven a link comes before a holder that has never delivered, and behind others.
  L2& holder = *crowd.dispatch.registrations.registry().find(std::string("other-3"));
  static_cast<void>(crowd.dispatch.announce(holder, 201));
  CHECK(dispatcher.waits_for_links(raw(201)));
  crowd.dispatch.make_known(holder);
  CHECK_FALSE(dispatcher.waits_for_links(raw(201)));
}

TEST_CASE("a question for what is remembered not to be there waits for links",
          "[broker][descent]") {
  Crowd crowd({}, 2);
  L2& holder = *crowd.dispatch.registrations.registry().find(std::string("other-0"));
  crowd.dispatch.make_known(holder);
  crowd.ask(200, raw(200));
  bool has_prover_denied = false;
  for (int asked = 0; asked < 3; ++asked) {
    if (crowd.prover.orders.size() == 2 && !std::exchange(has_prover_denied, true)) {
      crowd.dispatch.say_not_found(crowd.prover);
    } else {
      crowd.deny_last();
    }
  }
  CHECK(crowd.dispatch.failures().at(200) == Outcome::kNotFound);
  crowd.dispatch.registrations.holdings().add(holder, key_of_multihash(cid_number(200)));
  CHECK(crowd.dispatch.dispatcher.waits_for_links(raw(200)));
}

TEST_CASE("descent can be turned off, or only count", "[broker][descent]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  Crowd crowd({.descent = mode}, 60);
  const bool observes = mode == RuleMode::kObserve;
  CHECK(crowd.counters.descent_learnt == (observes ? 8 : 0));
  for (uint64_t n = 100; n < 108; ++n) crowd.ask(n, raw(n));
  CHECK(crowd.counters.descent_hits == (observes ? 8 : 0));
  CHECK(crowd.orders_of_others() >= 4);
  CHECK(crowd.dispatch.dispatcher.waits_for_links(raw(200)) == observes);
}

TEST_CASE("silence of legacy L2s about a block that nobody knows is not-found",
          "[broker][descent]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve, RuleMode::kOn);
  Crowd crowd({.descent = mode}, 12, Capabilities{});
  crowd.dispatch.lose(*crowd.holder);
  crowd.ask(200, raw(200));
  crowd.ask(201, {.root = cid_number(201), .scope = DagScope::kBlock});
  crowd.ask(202, {.root = cid_number(202)});
  crowd.dispatch.advance(10'000);
  const auto failures = crowd.dispatch.failures();
  const Outcome of_block = mode == RuleMode::kOn ? Outcome::kNotFound : Outcome::kSilent;
  CHECK(failures.at(200) == of_block);
  CHECK(failures.at(201) == of_block);
  CHECK(failures.at(202) == Outcome::kSilent);
  CHECK(crowd.counters.silences_not_found == (mode == RuleMode::kOff ? 0 : 2));
}

TEST_CASE("silence about a block that is known, or of an L2 that says not-found, is silence",
          "[broker][descent]") {
  SECTION("descent knows it") {
    Crowd crowd({}, 12, Capabilities{});
    crowd.ask(100, raw(100));
    crowd.dispatch.say_not_found(crowd.prover);
    crowd.dispatch.advance(10'000);
    CHECK(crowd.dispatch.failures().at(100) == Outcome::kSilent);
  }
  SECTION("a v2 L2 is silent") {
    Crowd crowd;
    crowd.ask(200, raw(200));
    crowd.dispatch.advance(10'000);
    CHECK(crowd.dispatch.failures().at(200) == Outcome::kSilent);
  }
}

}  // namespace daphnis::broker

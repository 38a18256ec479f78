#include "broker/choosing/fruitless_orders.h"

#include "tests/unit/broker/dispatch/dispatch_rig.h"

namespace daphnis::broker {
namespace {

using Bound = FruitlessOrders::Bound;

constexpr Network kClient{1};
constexpr Network kOther{2};

/// An L2 that lacks everything, and fetches for clients.
struct Vain : Dispatch {
  explicit Vain(Settings settings = {.negative_memory = RuleMode::kOff})
      : Dispatch(std::move(settings)) {
    add(l2, "home", 64);
  }
  /// Asks for a DAG of its own, and has the L2 say that it lacks it. Returns why the fetch failed.
  Outcome ask(Network client = kClient, bool is_announced = false) {
    const CarRequest request{.root = cid_number(1'000 + ++asked)};
    if (is_announced) {
      registrations.holdings().add(*registrations.registry().find("home"),
                                   key_of_multihash(request.root));
    }
    const size_t before = l2.orders.size();
    REQUIRE(dispatcher.on_fetch(kWorker,
                                {.fetch_id = asked,
                                 .request = request,
                                 .key = key_of(request),
                                 .trace_id = "t",
                                 .deadline_ms = 30'000,
                                 .client_network = static_cast<uint64_t>(client)},
                                now_ms));
    if (l2.orders.size() > before) say_not_found(l2);
    for (const auto& failed : told<ipc::FetchFailed>()) last = failed;
    REQUIRE(last.fetch_id == asked);
    return last.reason;
  }

  FakeL2 l2;
  uint64_t asked = 0;
  ipc::FetchFailed last;
};

}  // namespace

TEST_CASE("a bucket of tokens fills with time, and may owe some", "[broker][fruitless]") {
  TokenBucket bucket(10, 2);
  CHECK(bucket.is_full(1'000));
  bucket.take(5, 1'000);
  CHECK(bucket.has_token(1'000));
  bucket.take(5, 1'000);
  CHECK_FALSE(bucket.has_token(1'000));
  CHECK(bucket.wait_ms(1'000) == 100);
  CHECK_FALSE(bucket.has_token(1'099));
  CHECK(bucket.has_token(1'100));
  for (size_t i = 0; i < 20; ++i) bucket.take(5, 1'100);
  CHECK(bucket.wait_ms(1'100) == 600);
  CHECK_FALSE(bucket.is_full(1'799));
  CHECK(bucket.is_full(1'800));
  CHECK(bucket.is_full(UINT64_MAX));
}

TEST_CASE("fruitless orders are bounded by the client's network and in all",
          "[broker][fruitless]") {
  FruitlessOrders orders;
  for (size_t i = 0; i < kFruitlessPerAddress; ++i) {
    CHECK(orders.bound_of(kClient, 1'000) == Bound::kNone);
    orders.count(kClient, 1'000);
  }
  CHECK(orders.bound_of(kClient, 1'000) == Bound::kAddress);
  CHECK(orders.retry_after_s(kClient, 1'000) == 1);
  CHECK(orders.bound_of(kOther, 1'000) == Bound::kNone);
  for (size_t i = kFruitlessPerAddress; i < kFruitlessInAll; ++i) {
    orders.count(Network{100 + i}, 1'000);
  }
  CHECK(orders.bound_of(kOther, 1'000) == Bound::kAll);
  CHECK(orders.bound_of(kOther, 1'001) == Bound::kNone);
  CHECK(orders.bound_of(kClient, 1'001) == Bound::kAddress);
  CHECK(orders.bound_of(kClient, 1'000 + 1'000 / kFruitlessPerAddress + 1) == Bound::kNone);
}

TEST_CASE("a client whose network nobody knows counts in all alone", "[broker][fruitless]") {
  FruitlessOrders orders;
  for (size_t i = 0; i < kFruitlessInAll - 1; ++i) orders.count(Network{}, 1'000);
  CHECK(orders.networks() == 0);
  CHECK(orders.bound_of(Network{}, 1'000) == Bound::kNone);
  orders.count(Network{}, 1'000);
  CHECK(orders.bound_of(Network{}, 1'000) == Bound::kAll);
}

TEST_CASE("the debts of a crowd are those of a second, and are forgotten", "[broker][fruitless]") {
  FruitlessOrders orders;
  for (uint64_t n = 1; n <= 2 * kFruitlessNetworksMax; ++n) orders.count(Network{n}, 1'000);
  CHECK(orders.networks() == kFruitlessNetworksMax);
  CHECK(orders.bound_of(kClient, 1'500) == Bound::kAll);
  CHECK(orders.bound_of(kClient, 2'001) == Bound::kNone);
  for (size_t i = 0; i < 1'000; ++i) orders.count(kClient, 9'000);
  CHECK(orders.networks() == 1);
  CHECK(orders.retry_after_s(kClient, 9'000) == 2);
  CHECK(orders.bound_of(kClient, 11'000) == Bound::kNone);
}

TEST_CASE("past its bound a client gets 503 for what nobody announced, and a while later not",
          "[broker][fruitless]") {
  Vain rig;
  for (size_t i = 0; i < kFruitlessPerAddress; ++i) CHECK(rig.ask() == Outcome::kNotFound);
  CHECK(rig.ask() == Outcome::kOverloaded);
  CHECK(rig.last.retry_after_s == 1);
  CHECK(rig.l2.orders.size() == kFruitlessPerAddress);
  CHECK(rig.ask(kOther) == Outcome::kNotFound);
  CHECK(rig.ask(kClient, true) == Outcome::kNotFound);
  CHECK(rig.context.counters.fruitless_refused == 1);
  rig.advance(1'000);
  CHECK(rig.ask() == Outcome::kNotFound);
}

TEST_CASE("what a proven block links to is asked for past the bound", "[broker][fruitless]") {
  Vain rig;
  for (size_t i = 0; i < kFruitlessPerAddress; ++i) (void)rig.ask();
  rig.fetch(900, *rig.registrations.registry().find("home"), {.root = cid_number(1)});
  CHECK(rig.post(rig.l2) == Dispatcher::Verdict::kHandOff);
  const uint64_t next = 1'000 + rig.asked + 1;
  rig.dispatcher.on_links(kWorker, {.attempt_id = rig.l2.orders.back().attempt_id,
                                    .keys = {key_of_multihash(cid_number(next))}});
  CHECK(rig.ask() == Outcome::kNotFound);
  CHECK(rig.context.counters.orders_fruitless == kFruitlessPerAddress);
  CHECK(rig.ask() == Outcome::kOverloaded);
}

TEST_CASE("a fetch in the midst of its candidates is stopped at the bound", "[broker][fruitless]") {
  Vain rig;
  for (size_t i = 0; i + 1 < kFruitlessPerAddress; ++i) (void)rig.ask();
  FakeL2 other;
  rig.add(other, "other", 64);
  const size_t before = rig.l2.orders.size();
  const CarRequest request{.root = cid_number(42)};
  REQUIRE(rig.dispatcher.on_fetch(kWorker,
                                  {.fetch_id = 1'000,
                                   .request = request,
                                   .key = key_of(request),
                                   .trace_id = "t",
                                   .deadline_ms = 30'000,
                                   .client_network = 1},
                                  rig.now_ms));
  rig.say_not_found(other.orders.empty() ? rig.l2 : other);
  CHECK(rig.failures().at(1'000) == Outcome::kOverloaded);
  CHECK(rig.l2.orders.size() - before + other.orders.size() == 1);
}

TEST_CASE("an order that brings content, or is wanted no more, is not fruitless",
          "[broker][fruitless]") {
  Vain rig;
  rig.fetch(1, *rig.registrations.registry().find("home"));
  CHECK(rig.post(rig.l2) == Dispatcher::Verdict::kHandOff);
  rig.report(rig.l2, Outcome::kComplete, false, 1, 100);
  CHECK(rig.context.counters.orders_fruitless == 0);
  CHECK(rig.ask() == Outcome::kNotFound);
  CHECK(rig.context.counters.orders_fruitless == 1);
}

TEST_CASE("the bound on fruitless orders observes, or is off", "[broker][fruitless]") {
  const RuleMode mode = GENERATE(RuleMode::kObserve, RuleMode::kOff);
  Vain rig({.negative_memory = RuleMode::kOff, .fruitless_bound = mode});
  for (size_t i = 0; i < kFruitlessPerAddress + 2; ++i) CHECK(rig.ask() == Outcome::kNotFound);
  CHECK(rig.context.counters.fruitless_refused == (mode == RuleMode::kObserve ? 2 : 0));
}

TEST_CASE("beyond the bound on fetches under way a fetch is refused at once",
          "[broker][dispatch]") {
  Dispatch rig({.fetches_max = 1});
  FakeL2 l2;
  const L2& home = rig.add(l2, "home");
  rig.fetch(1, home);
  rig.fetch(2, home);
  CHECK(rig.failures() == std::map<uint64_t, Outcome>{{2, Outcome::kOverloaded}});
  CHECK(rig.context.counters.fetches_shed == 1);
  rig.cancel(1);
  rig.fetch(3, home);
  CHECK(rig.failures().empty());
}

TEST_CASE("a broker that is busy all the time takes fewer fetches", "[broker][dispatch]") {
  const RuleMode mode = GENERATE(RuleMode::kOn, RuleMode::kObserve, RuleMode::kOff);
  Dispatch rig({.fetches_max = 10, .sheds_busy = mode, .fetches_busy = 2});
  FakeL2 l2;
  const L2& home = rig.add(l2, "home");
  uint64_t busy_percent = 100;
  uint64_t busy_us = 0;
  rig.context.busy_us = [&] { return busy_us; };
  uint64_t number = 0;
  const auto ask_for = [&](uint64_t ms) {
    for (uint64_t passed = 0; passed < ms; passed += BusyLimit::kSampleMs) {
      rig.now_ms += BusyLimit::kSampleMs;
      busy_us += BusyLimit::kSampleMs * busy_percent * 10;
      rig.fetch(++number, home);
      rig.cancel(number);
    }
  };
  rig.fetch(++number, home);
  rig.fetch(++number, home);
  ask_for(4'000);
  const bool is_on = mode == RuleMode::kOn;
  CHECK((rig.context.counters.fetches_shed > 0) == is_on);
  CHECK((rig.context.counters.fetches_shed_busy > 0) == (mode != RuleMode::kOff));
  busy_percent = 50;
  ask_for(4'000);
  static_cast<void>(rig.failures());
  rig.fetch(++number, home);
  CHECK(rig.failures().empty());
}

}  // namespace daphnis::broker

#include "tests/unit/broker/dispatch/dispatch_rig.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

/// Two L2s, of which nobody has announced anything, and a worker that asks.
struct Asked : Dispatch {
  explicit Asked(Settings settings = {}) : Dispatch(std::move(settings)) {
    add(one, "one");
    add(two, "two");
  }
  void ask(uint64_t n, const CarRequest& request = {.root = cid_number(42)}) {
    REQUIRE(dispatcher.on_fetch(kWorker,
                                {.fetch_id = n,
                                 .request = request,
                                 .key = key_of(request),
                                 .trace_id = "t",
                                 .deadline_ms = 30'000},
                                now_ms));
  }
  /// Each L2 that gets an order says what it lacks.
  void all_say(NotFound what) {
    for (size_t i = 0; i < 2; ++i) {
      for (FakeL2* l2 : {&one, &two}) {
        while (answered[l2] < l2->orders.size()) {
          const auto order = l2->orders[answered[l2]++];
          (void)dispatcher.on_delivery(order.attempt_id, order.request.root, what, false, now_ms);
        }
      }
    }
  }
  /// A round in which all L2s say that they lack the root of DAG 42.
  void learn_absence() {
    ask(1);
    all_say(NotFound::kRoot);
    REQUIRE(failures() == std::map<uint64_t, Outcome>{{1, Outcome::kNotFound}});
  }
  [[nodiscard]] size_t orders() const { return one.orders.size() + two.orders.size(); }
  /// True where the fetch is answered not-found without a further order.
  [[nodiscard]] bool is_known_absent(uint64_t n,
                                     const CarRequest& request = {.root = cid_number(42)}) {
    const size_t before = orders();
    ask(n, request);
    const auto failed = failures();
    const bool is_absent = failed.contains(n) && failed.at(n) == Outcome::kNotFound;
    CHECK((orders() == before) == is_absent);
    return is_absent;
  }

  FakeL2 one;
  FakeL2 two;
  std::map<FakeL2*, size_t> answered;
};

}  // namespace

TEST_CASE("what all L2s said that they lack costs no further order for 10 s",
          "[broker][absences]") {
  Asked rig;
  rig.learn_absence();
  CHECK(rig.orders() == 2);
  for (uint64_t n = 2; n < 12; ++n) {
    rig.advance(990);
    CHECK(rig.is_known_absent(n));
  }
  CHECK(rig.is_known_absent(12, {.root = cid_number(42), .path = {"a"}}));
  CHECK_FALSE(rig.is_known_absent(13, {.root = cid_number(43)}));
  rig.advance(100);
  CHECK_FALSE(rig.is_known_absent(14));
  CHECK(rig.context.counters.absences_said == 1);
  CHECK(rig.context.counters.absence_hits == 11);
}

TEST_CASE("it is looked for again once an L2 announces it", "[broker][absences]") {
  Asked rig;
  rig.learn_absence();
  rig.dispatcher.on_announced(key_of_multihash(cid_number(43)));
  CHECK(rig.is_known_absent(2));
  rig.dispatcher.on_announced(key_of_multihash(cid_number(42)));
  CHECK_FALSE(rig.is_known_absent(3));
  CHECK(rig.context.counters.absences_announced == 1);
}

TEST_CASE("it is looked for again once a candidate registers, anew or in place of itself",
          "[broker][absences]") {
  Asked rig;
  rig.learn_absence();
  FakeL2 three;
  const bool is_replacement = GENERATE(false, true);
  rig.add(three, is_replacement ? "two" : "three");
  CHECK_FALSE(rig.is_known_absent(2));
  CHECK(rig.context.counters.absences_outdated == 1);
  CHECK(rig.dispatcher.absences().size() == 0);
}

TEST_CASE("an L2 that registers and would not be asked changes nothing", "[broker][absences]") {
  Asked rig({.candidates_max = 2});
  rig.learn_absence();
  // Which of them come before the two is chance, so some of them do not.
  std::vector<FakeL2> others(16);
  size_t kept = 0;
  for (uint64_t n = 0; n < others.size(); ++n) {
    L2& other = rig.add(others[n], "other-" + std::to_string(n));
    std::vector<L2No> first;
    rig.registrations.ring().walk(key_of_multihash(cid_number(42)), 2, [&](L2No no) {
      first.push_back(no);
      return true;
    });
    if (std::ranges::find(first, other.no) == first.end()) {
      CHECK(rig.is_known_absent(100 + n));
      ++kept;
    }
    (void)rig.lose(other);
  }
  CHECK(kept > 0);
}

TEST_CASE("an L2 that was lost and comes back is asked again", "[broker][absences]") {
  Asked rig;
  rig.learn_absence();
  (void)rig.lose(*rig.registrations.registry().find("two"));
  CHECK(rig.is_known_absent(2));
  rig.come_back(rig.two, "two");
  CHECK_FALSE(rig.is_known_absent(3));
}

TEST_CASE("where an L2 lacks only a block, another request of that root is looked for",
          "[broker][absences]") {
  Asked rig;
  const CarRequest below{.root = cid_number(42), .path = {"a"}};
  rig.ask(1, below);
  rig.all_say(NotFound::kBlock);
  CHECK(rig.failures().at(1) == Outcome::kNotFound);
  CHECK(rig.is_known_absent(2, below));
  CHECK_FALSE(rig.is_known_absent(3));
}

TEST_CASE("failures and silence are not taken for absence", "[broker][absences]") {
  Asked rig;
  rig.ask(1);
  FakeL2& first = rig.one.orders.empty() ? rig.two : rig.one;
  FakeL2& other = rig.one.orders.empty() ? rig.one : rig.two;
  const auto [ending, reason] = GENERATE(std::pair(Outcome::kAborted, Outcome::kL2sFailed),
                                         std::pair(Outcome::kSilent, Outcome::kSilent));
  if (ending == Outcome::kAborted) {
    CHECK(rig.post(first) == Dispatcher::Verdict::kHandOff);
    rig.report(first, ending, true);
    rig.say_not_found(other);
  } else {
    rig.advance(1'000);
    rig.say_not_found(other);
    rig.advance(10'000);
  }
  CHECK(rig.failures().at(1) == reason);
  CHECK_FALSE(rig.is_known_absent(2));
}

TEST_CASE("a broken stream that counts as a not-found is remembered for 1 s",
          "[broker][absences]") {
  Asked rig;
  rig.ask(1);
  FakeL2& first = rig.one.orders.empty() ? rig.two : rig.one;
  FakeL2& other = rig.one.orders.empty() ? rig.one : rig.two;
  CHECK(rig.post(first) == Dispatcher::Verdict::kHandOff);
  rig.report(first, Outcome::kNotFound, true);
  rig.say_not_found(other);
  CHECK(rig.failures().at(1) == Outcome::kNotFound);
  CHECK(rig.context.counters.absences_concluded == 1);
  rig.advance(999);
  CHECK(rig.is_known_absent(2));
  rig.advance(1);
  CHECK_FALSE(rig.is_known_absent(3));
}

TEST_CASE("nothing is concluded with an L2 that is ejected", "[broker][absences]") {
  Asked rig;
  L2& one = *rig.registrations.registry().find("one");
  rig.registrations.health().eject(*one.health, 60'000, rig.now_ms);
  rig.ask(1);
  for (FakeL2* l2 : {&rig.two, &rig.one}) {
    CHECK(rig.post(*l2) == Dispatcher::Verdict::kHandOff);
    rig.report(*l2, Outcome::kNotFound, true);
  }
  CHECK(rig.failures().at(1) == Outcome::kNotFound);
  CHECK(rig.dispatcher.absences().size() == 0);
}

TEST_CASE("nothing is concluded after a wait for a place", "[broker][absences]") {
  Asked rig({.candidates_max = 1});
  rig.ask(1);
  FakeL2& first = rig.one.orders.empty() ? rig.two : rig.one;
  const std::string id = &first == &rig.one ? "one" : "two";
  rig.registrations.registry().find(id)->registration.capacity = 1;
  (void)rig.lose(*rig.registrations.registry().find(id == "one" ? "two" : "one"));
  rig.ask(2);
  CHECK(rig.context.counters.fetches_queued == 1);
  rig.say_not_found(first);
  CHECK(rig.post(first) == Dispatcher::Verdict::kHandOff);
  rig.report(first, Outcome::kNotFound, true);
  CHECK(rig.failures() ==
        std::map<uint64_t, Outcome>{{1, Outcome::kNotFound}, {2, Outcome::kNotFound}});
  CHECK(rig.context.counters.absences_said == 1);
  CHECK(rig.context.counters.absences_concluded == 0);
}

TEST_CASE("nothing is remembered while a holder was not asked", "[broker][absences]") {
  Asked rig({.candidates_max = 1});
  rig.ask(1);
  FakeL2& asked = rig.one.orders.empty() ? rig.two : rig.one;
  L2& other = *rig.registrations.registry().find(&asked == &rig.one ? "two" : "one");
  rig.registrations.holdings().add(other, key_of_multihash(cid_number(42)));
  rig.say_not_found(asked);
  CHECK(rig.failures().at(1) == Outcome::kNotFound);
  CHECK(rig.dispatcher.absences().size() == 0);
}

TEST_CASE("a fetch in the midst of its output is not ended by what is remembered",
          "[broker][absences]") {
  Asked rig;
  rig.learn_absence();
  const size_t before = rig.orders();
  ipc::Fetch fetch{.fetch_id = 2,
                   .request = {.root = cid_number(42)},
                   .key = key_of(CarRequest{.root = cid_number(42)}),
                   .trace_id = "t",
                   .deadline_ms = 30'000};
  const Cid place = cid_number(1);
  const Bytes next = place.bytes();
  if (GENERATE(false, true)) {
    fetch.has_output = true;
  } else {
    fetch.resume = {.skip = 1, .next = {next.begin(), next.end()}};
  }
  REQUIRE(rig.dispatcher.on_fetch(kWorker, std::move(fetch), rig.now_ms));
  CHECK(rig.orders() == before + 1);
}

TEST_CASE("negative memory that observes counts what it would do, and whether it is wrong",
          "[broker][absences]") {
  Asked rig({.negative_memory = RuleMode::kObserve});
  rig.learn_absence();
  CHECK_FALSE(rig.is_known_absent(2));
  CHECK(rig.context.counters.absence_hits == 1);
  FakeL2& asked = rig.one.orders.size() > 1 ? rig.one : rig.two;
  CHECK(rig.post(asked) == Dispatcher::Verdict::kHandOff);
  rig.report(asked, Outcome::kComplete, false, 1, 100);
  CHECK(rig.context.counters.absences_wrong == 1);
}

TEST_CASE("negative memory that is off remembers nothing", "[broker][absences]") {
  Asked rig({.negative_memory = RuleMode::kOff});
  rig.learn_absence();
  CHECK(rig.dispatcher.absences().size() == 0);
  CHECK_FALSE(rig.is_known_absent(2));
}

TEST_CASE("a path that was proven to be missing costs no further order", "[broker][absences]") {
  Asked rig;
  const CarRequest request{.root = cid_number(42), .path = {"a"}};
  rig.ask(1, request);
  FakeL2& asked = rig.one.orders.empty() ? rig.two : rig.one;
  const Uuid attempt = asked.orders[0].attempt_id;
  CHECK(rig.post(asked) == Dispatcher::Verdict::kHandOff);
  const ipc::AttemptEnded ended{
      .fetch_id = 1, .attempt_id = attempt, .blocks_proven = 1, .proves_path_missing = true};
  (void)rig.dispatcher.on_attempt_ended(kWorker, ended, rig.now_ms);
  CHECK(rig.dispatcher.fetches() == 0);
  CHECK(rig.failures().empty());
  rig.advance(3'600'000);
  rig.ask(2, request);
  rig.dispatcher.on_announced(key_of_multihash(cid_number(42)));
  rig.ask(3, request);
  const auto failed = rig.failures();
  CHECK(failed ==
        std::map<uint64_t, Outcome>{{2, Outcome::kPathNotFound}, {3, Outcome::kPathNotFound}});
  CHECK(rig.orders() == 1);
  CHECK_FALSE(rig.is_known_absent(4, {.root = cid_number(42), .path = {"b"}}));
  CHECK(rig.context.counters.absences_proven == 1);
  CHECK(rig.context.counters.absence_hits_proven == 2);
}

/// The fetches of two workers for one CID that the L2s of a whole broker have not announced.
struct Crowd : Rig {
  Crowd() {
    home = register_l2("home", "?v=2&capacity=8");
    leader = connect_worker();
    other = connect_worker();
    ask(leader, 1);
    ask(other, 20);
    REQUIRE(orders(home).size() == 1);
  }
  void ask(WorkerId worker, uint64_t fetch_id) {
    tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                            .request = request,
                            .key = key_of(request),
                            .trace_id = "t",
                            .deadline_ms = 30'000});
  }

  CarRequest request{.root = cid_number(7), .path = {"a"}};
  ConnId home{};
  WorkerId leader{};
  WorkerId other{};
};

TEST_CASE("the fetches of all workers for what nobody has end with one round of candidates",
          "[broker][absences]") {
  Crowd rig;
  rig.post_not_found(rig.home, cid_number(7));
  CHECK(rig.failure(rig.leader, 1) == Outcome::kNotFound);
  CHECK(rig.failure(rig.other, 20) == Outcome::kNotFound);
  rig.ask(rig.leader, 2);
  rig.ask(rig.other, 21);
  CHECK(rig.failure(rig.leader, 2) == Outcome::kNotFound);
  CHECK(rig.failure(rig.other, 21) == Outcome::kNotFound);
  CHECK(rig.orders(rig.home).size() == 1);
  CHECK(rig.broker.is_quiet());
  rig.announce("home", cid_number(7));
  rig.ask(rig.leader, 3);
  CHECK(rig.orders(rig.home).size() == 2);
}

TEST_CASE("the fetches that follow one whose path is missing hear of it at once",
          "[broker][absences]") {
  Crowd rig;
  rig.post(rig.home, cid_number(7));
  const auto handoffs = rig.inbox<ipc::Handoff>(rig.leader);
  REQUIRE(handoffs.size() == 1);
  rig.tell(rig.leader, ipc::AttemptEnded{.fetch_id = 1,
                                         .attempt_id = handoffs[0].attempt_id,
                                         .blocks_proven = 1,
                                         .proves_path_missing = true});
  CHECK_FALSE(rig.failure(rig.leader, 1));
  CHECK(rig.failure(rig.other, 20) == Outcome::kPathNotFound);
  rig.tell(
      rig.leader,
      ipc::FetchProgress{.fetch_id = 1, .state = ipc::JoinState::kFailed, .bytes = 0, .path = {}});
  rig.ask(rig.other, 21);
  CHECK(rig.failure(rig.other, 21) == Outcome::kPathNotFound);
  CHECK(rig.inbox<ipc::FetchFailed>(rig.other).back().retry_after_s == 0);
  CHECK(rig.orders(rig.home).size() == 1);
  CHECK(rig.broker.is_quiet());
}

}  // namespace daphnis::broker

#include <algorithm>
#include <deque>

#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// What an L2's announcements are worth before it has delivered, and after it did not.
namespace daphnis::broker {
namespace {

constexpr auto kHandOff = Dispatcher::Verdict::kHandOff;
constexpr uint64_t kRoot = 42;

Settings with(RuleMode claims) {
  Settings settings;
  settings.claims = claims;
  settings.hedging = RuleMode::kOff;
  return settings;
}

/// An edge of L2s that have not delivered anything yet, unless a test says so.
struct Edge {
  explicit Edge(RuleMode claims = RuleMode::kOn) : dispatch(with(claims)) {}

  struct Node {
    FakeL2 far_end;
    L2* l2 = nullptr;
  };
  Node& add(const std::string& id, const std::string& address, uint32_t capacity = 3) {
    Node& node = nodes.emplace_back();
    node.l2 = &dispatch.add_from(address, node.far_end, id, capacity);
    return node;
  }
  /// So many L2s that have announced the root, each from an address of its own, or all from one.
  void add_claimants(size_t count, bool share_address = false) {
    for (size_t n = 1; n <= count; ++n) {
      const std::string host = std::to_string(share_address ? 1 : n);
      const Node& node = add("claimant-" + std::to_string(n), "198.51.100." + host);
      CHECK(dispatch.announce(*node.l2, kRoot) == Claims::Announced::kKept);
    }
  }
  void fetch(uint64_t n, uint64_t root = kRoot) {
    dispatch.fetch_unannounced(n, {.root = cid_number(root)});
  }
  /// The L2 with the last order; null: there was none.
  Node* asked_last() {
    Node* last = nullptr;
    for (Node& node : nodes) {
      if (node.far_end.orders.empty()) continue;
      const auto number = [](const Node& one) { return one.far_end.orders.back().attempt_id; };
      if (!last || later(number(*last), number(node))) last = &node;
    }
    return last;
  }
  /// All that are asked say that they lack the root, until nobody is asked any more. Returns them.
  std::vector<Node*> deny_all() {
    std::vector<Node*> all;
    size_t orders = 0;
    while (orders != dispatch.context.counters.attempts) {
      orders = dispatch.context.counters.attempts;
      all.push_back(asked_last());
      dispatch.say_not_found(all.back()->far_end);
    }
    return all;
  }
  void serve(const Node& node, uint64_t blocks_proven = 9) {
    CHECK(dispatch.post(node.far_end) == kHandOff);
    dispatch.report(node.far_end, Outcome::kComplete, false, blocks_proven, 100);
  }
  [[nodiscard]] size_t orders() const {
    size_t count = 0;
    for (const Node& node : nodes) count += node.far_end.orders.size();
    return count;
  }

  std::deque<Node> nodes;
  Dispatch dispatch;
  const Counters& counters = dispatch.context.counters;

 private:
  /// The rig's numbers have their lowest byte first.
  static bool later(const Uuid& before, const Uuid& after) {
    return std::lexicographical_compare(before.rbegin(), before.rend(), after.rbegin(),
                                        after.rend());
  }
};

}  // namespace

TEST_CASE("a holder that has delivered comes before all that only announced", "[broker][claims]") {
  Edge edge;
  edge.add_claimants(20);
  Edge::Node& holder = edge.add("holder", "203.0.113.1");
  edge.dispatch.announce(*holder.l2, kRoot);
  edge.dispatch.make_known(*holder.l2);
  for (uint64_t n = 1; n <= 5; ++n) {
    edge.fetch(n);
    REQUIRE(edge.asked_last() == &holder);
    edge.serve(holder);
  }
  CHECK(edge.orders() == 5);
  CHECK(edge.counters.deeds_learnt == 1);
  SECTION("and who has proven the root comes before it") {
    Edge::Node& prover = edge.add("prover", "203.0.113.2");
    edge.dispatch.registrations.claims().prove(*prover.l2, key_of_multihash(cid_number(kRoot)));
    edge.dispatch.make_known(*prover.l2);
    edge.fetch(6);
    CHECK(edge.asked_last() == &prover);
  }
}

TEST_CASE("of those that only announced a fetch asks eight", "[broker][claims]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve, RuleMode::kOn);
  Edge edge(mode);
  edge.add_claimants(20);
  edge.fetch(1);
  CHECK(edge.deny_all().size() == (mode == RuleMode::kOn ? kClaimantsPerFetchMax : 20));
  CHECK(edge.dispatch.failures().at(1) == Outcome::kNotFound);
  CHECK((edge.counters.strangers_passed_over > 0) == (mode != RuleMode::kOff));
}

TEST_CASE("of a fetch's first two L2s one is the ring's owner where all are strangers",
          "[broker][claims]") {
  Edge edge;
  edge.add_claimants(20);
  edge.add("other", "203.0.113.1");
  L2No owner{};
  edge.dispatch.registrations.ring().walk(key_of_multihash(cid_number(kRoot)), 1, [&](L2No no) {
    owner = no;
    return false;
  });
  edge.fetch(1);
  const auto asked = edge.deny_all();
  REQUIRE(asked.size() >= 2);
  CHECK((asked[0]->l2->no == owner || asked[1]->l2->no == owner));
}

TEST_CASE("of one network's strangers a fetch asks four before all others", "[broker][claims]") {
  Edge edge;
  edge.add_claimants(20, true);
  for (size_t n = 0; n < 3; ++n) {
    edge.add("other-" + std::to_string(n), "203.0.113." + std::to_string(n));
  }
  edge.fetch(1);
  const auto asked = edge.deny_all();
  REQUIRE(asked.size() >= 7);
  const auto is_claimant = [](const Edge::Node* node) {
    return node->l2->address == "198.51.100.1";
  };
  CHECK(std::ranges::count_if(asked.begin(), asked.begin() + 7, is_claimant) == 4);
}

TEST_CASE("a claim is broken by a not-found or silence, and may be made again ten minutes later",
          "[broker][claims]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve, RuleMode::kOn);
  Edge edge(mode);
  edge.add_claimants(1);
  Edge::Node& claimant = edge.nodes.front();
  edge.fetch(1);
  SECTION("by a not-found") {
    edge.dispatch.say_not_found(claimant.far_end);
  }
  SECTION("by silence") {
    edge.dispatch.advance(3'000);
  }
  CHECK(edge.dispatch.failures().size() == 1);
  CHECK(edge.counters.claims_broken == (mode == RuleMode::kOff ? 0 : 1));
  const auto again = [&] { return edge.dispatch.announce(*claimant.l2, kRoot); };
  const auto kept = mode == RuleMode::kOn ? Claims::Announced::kBroken : Claims::Announced::kKept;
  CHECK(again() == kept);
  CHECK(edge.dispatch.announce(*claimant.l2, kRoot + 1) == Claims::Announced::kKept);
  edge.dispatch.advance(kBrokenClaimMs - 3'001);
  CHECK(again() == kept);
  edge.dispatch.advance(3'001);
  CHECK(again() == Claims::Announced::kKept);
}

TEST_CASE("a POST that comes late mends the claim that its silence broke", "[broker][claims]") {
  Edge edge;
  edge.add_claimants(1);
  Edge::Node& claimant = edge.nodes.front();
  edge.fetch(1);
  edge.dispatch.advance(3'000);
  CHECK(edge.counters.claims_broken == 1);
  CHECK(edge.dispatch.registrations.holdings().size() == 0);
  edge.dispatch.post_late(claimant.far_end, 0);
  CHECK(edge.counters.claims_mended == 1);
  CHECK(edge.dispatch.registrations.holdings().size() == 1);
}

TEST_CASE("an L2 that has proven the root may be silent once", "[broker][claims]") {
  Edge edge;
  edge.add_claimants(1);
  Edge::Node& holder = edge.nodes.front();
  edge.fetch(1);
  edge.serve(holder);
  edge.fetch(2);
  edge.dispatch.advance(3'000);
  CHECK(edge.counters.claims_broken == 0);
  CHECK(edge.dispatch.registrations.holdings().size() == 1);
  SECTION("but not lack it") {
    edge.fetch(3);
    edge.dispatch.say_not_found(holder.far_end);
    CHECK(edge.counters.claims_broken == 1);
    CHECK(edge.dispatch.registrations.claims().deeds() == 0);
  }
}

TEST_CASE("silence beside an L2 that serves breaks a claim once the place is given up",
          "[broker][claims]") {
  Edge edge;
  edge.add_claimants(1);
  Edge::Node& claimant = edge.nodes.front();
  Edge::Node& other = edge.add("other", "203.0.113.1");
  edge.fetch(1);
  REQUIRE(edge.asked_last() == &claimant);
  edge.dispatch.advance(800);
  edge.serve(other);
  CHECK(edge.counters.claims_broken == 0);
  edge.dispatch.advance(kGivenUpPlaceMs);
  CHECK(edge.counters.claims_broken == 1);
}

TEST_CASE("the strangers of a network have eight unanswered orders together", "[broker][claims]") {
  Edge edge;
  edge.add_claimants(3, true);
  for (Edge::Node& node : edge.nodes) node.l2->registration.capacity = 100;
  for (uint64_t n = 1; n <= 10; ++n) edge.fetch(n);
  CHECK(edge.orders() == kStrangerOrdersPerNetwork);
  CHECK(edge.dispatch.dispatcher.waiting() == 2);
  SECTION("a further fetch gets its turn when one is answered") {
    for (Edge::Node& node : edge.nodes) {
      if (node.far_end.orders.empty()) continue;
      CHECK(edge.dispatch.post(node.far_end) == kHandOff);
      break;
    }
    edge.dispatch.dispatcher.reroute(edge.dispatch.now_ms);
    CHECK(edge.orders() == kStrangerOrdersPerNetwork + 1);
    CHECK(edge.dispatch.dispatcher.waiting() == 1);
  }
  SECTION("but it waits no longer than for a silent L2") {
    edge.dispatch.advance(3'000);
    CHECK(edge.dispatch.failures().at(10) == Outcome::kOverloaded);
  }
  SECTION("an L2 that has delivered is not bound") {
    for (Edge::Node& node : edge.nodes) {
      edge.dispatch.make_known(*node.l2);
      edge.dispatch.dispatcher.serve_queue(*node.l2, edge.dispatch.now_ms);
    }
    edge.dispatch.dispatcher.reroute(edge.dispatch.now_ms);
    CHECK(edge.orders() == 10);
  }
}

TEST_CASE("all strangers together may have a twentieth of the orders in vain", "[broker][claims]") {
  Edge edge;
  Edge::Node& known = edge.add("known", "203.0.113.1", 1'000);
  edge.dispatch.make_known(*known.l2);
  edge.dispatch.announce(*known.l2, kRoot);
  constexpr uint64_t kStrangers = 20;
  for (uint64_t n = 0; n < kStrangers; ++n) {
    edge.add("stranger-" + std::to_string(n), "198.51.100." + std::to_string(n), 100);
  }
  // Each for a root that a stranger alone has announced. True where it was asked first.
  const auto asks_stranger = [&](uint64_t n) {
    edge.dispatch.announce(*edge.nodes[1 + n % kStrangers].l2, 1'000 + n);
    edge.fetch(n, 1'000 + n);
    Edge::Node* asked = edge.asked_last();
    if (asked != &known) edge.dispatch.say_not_found(asked->far_end);
    edge.dispatch.cancel(n);
    return asked != &known;
  };
  uint64_t strangers = 0;
  for (uint64_t n = 1; n <= 100; ++n) strangers += asks_stranger(n) ? 1 : 0;
  CHECK(strangers == kStrangerOrdersFree);
  for (uint64_t n = 101; n <= 800; ++n) {
    edge.fetch(n);
    edge.serve(known);
  }
  CHECK(asks_stranger(801));
}

TEST_CASE("two guesses come before a stranger that announced the root, whatever others have had",
          "[broker][claims]") {
  Edge edge;
  constexpr size_t kKnown = limits::kCandidatesMax + 1;
  for (size_t n = 1; n <= kKnown; ++n) {
    edge.dispatch.make_known(
        *edge.add("known-" + std::to_string(n), "203.0.113." + std::to_string(n)).l2);
  }
  edge.add_claimants(1);
  const Edge::Node* claimant = &edge.nodes.back();
  for (uint64_t n = 0; n < kStrangerOrdersFree; ++n) {
    edge.dispatch.registrations.strangers().note_in_vain(edge.dispatch.now_ms);
  }
  REQUIRE_FALSE(edge.dispatch.registrations.strangers().have_room(edge.dispatch.now_ms));
  edge.fetch(1);
  const auto asked = edge.deny_all();
  REQUIRE(asked.size() == limits::kCandidatesMax);
  CHECK(asked[2] == claimant);
}

TEST_CASE("404 is not said while an L2 that has proven the root was not asked",
          "[broker][claims]") {
  Edge edge;
  edge.dispatch.context.settings.candidates_max = 2;
  Edge::Node& prover = edge.add("prover", "203.0.113.1");
  edge.dispatch.announce(*prover.l2, kRoot);
  edge.fetch(1);
  edge.serve(prover);
  for (size_t n = 2; n < 5; ++n) {
    edge.add("other-" + std::to_string(n), "203.0.113." + std::to_string(n));
  }
  edge.dispatch.registrations.health().eject(*prover.l2->health, 60'000, edge.dispatch.now_ms);
  edge.fetch(2);
  CHECK(edge.deny_all().size() == 2);
  CHECK(edge.dispatch.failures().at(2) == Outcome::kOverloaded);
  CHECK(edge.counters.deeds_unasked == 1);
}

}  // namespace daphnis::broker

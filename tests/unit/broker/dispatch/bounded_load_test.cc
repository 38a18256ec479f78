#include <algorithm>
#include <deque>

#include "broker/registry/fair_share.h"
#include "tests/unit/broker/dispatch/dispatch_rig.h"

/// What a hot root costs: many fetches of it that nobody shares, each an order to the ring's owner
/// if nothing else decided.
namespace daphnis::broker {
namespace {

constexpr uint32_t kCapacity = 200;

/// An edge of `size` L2s of one capacity that are not new, unless they are added later, and have
/// delivered before.
struct CrowdOf {
  explicit CrowdOf(size_t size, Settings settings = {}) : edge(std::move(settings)) {
    for (size_t n = 0; n < size; ++n) add("home-" + std::to_string(n));
    edge.advance(1'000'000);
  }
  L2& add(const std::string& id, uint32_t capacity = kCapacity) {
    L2& l2 = edge.add(peers.emplace_back(), id, capacity);
    edge.make_known(l2);
    l2s.push_back(&l2);
    return l2;
  }
  /// Begins a fetch of the root that nobody has announced.
  void fetch(const Cid& root = cid_number(42)) {
    // Each for another path, and of a reader that is alone.
    const CarRequest request{.root = root, .path = {std::to_string(++fetches)}};
    REQUIRE(edge.dispatcher.on_fetch(kWorker,
                                     {.fetch_id = fetches,
                                      .request = request,
                                      .key = key_of(request),
                                      .trace_id = "t",
                                      .deadline_ms = 30'000},
                                     edge.now_ms));
  }
  void fetch_many(size_t count) {
    for (size_t n = 0; n < count; ++n) fetch();
  }
  [[nodiscard]] size_t load(const L2& l2) const { return l2.places.attempts().size(); }
  [[nodiscard]] size_t most() const {
    size_t most = 0;
    for (const L2* l2 : l2s) most = std::max(most, load(*l2));
    return most;
  }
  /// The L2 that the ring names first for the root that is fetched.
  [[nodiscard]] L2& owner() {
    L2No first{};
    edge.registrations.ring().walk(key_of_multihash(cid_number(42)), 1, [&](L2No no) {
      first = no;
      return false;
    });
    return *edge.registrations.registry().find(first);
  }
  [[nodiscard]] const Counters& counters() const { return edge.context.counters; }

  std::deque<FakeL2> peers;
  Dispatch edge;
  std::vector<L2*> l2s;
  uint64_t fetches = 0;
};

}  // namespace

TEST_CASE("a hot root overflows from its owner to the next L2s once that has more than its share",
          "[broker][bounded_load]") {
  CrowdOf pool(10);
  pool.fetch_many(kFairShareFloor);
  CHECK(pool.load(pool.owner()) == kFairShareFloor);
  CHECK(pool.counters().bounded_load_passed_over == 0);
  for (uint64_t n = kFairShareFloor; n < 200; ++n) {
    pool.fetch();
    CHECK(pool.most() <= std::max(kFairShareFloor, ((n + 1) * 5 + 39) / 40));
  }
  CHECK(pool.edge.dispatcher.attempts().live() == 200);
  CHECK(pool.load(pool.owner()) == 25);
  CHECK(pool.counters().bounded_load_passed_over > 0);
  CHECK(pool.counters().slow_start_passed_over == 0);
}

TEST_CASE("an L2 of more weight has more of the load", "[broker][bounded_load]") {
  CrowdOf pool(10);
  pool.edge.registrations.set_weight(pool.owner(), 4);
  pool.fetch_many(130);
  CHECK(pool.load(pool.owner()) == 50);  // 1.25 times four of 13 parts.
}

TEST_CASE("where bounded load is off the owner gets all, and where it is observed so it does",
          "[broker][bounded_load]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  CrowdOf pool(10, {.bounded_load = mode});
  pool.fetch_many(100);
  CHECK(pool.load(pool.owner()) == 100);
  // From the fifth on each would have gone past the owner, but for those within its share.
  CHECK(pool.counters().bounded_load_passed_over == (mode == RuleMode::kOff ? 0 : 96));
}

TEST_CASE("a lone L2 gets all that its capacity allows", "[broker][bounded_load]") {
  const uint64_t slow_start_ms = GENERATE(uint64_t{0}, uint64_t{30'000});
  CrowdOf pool(0, {.slow_start_ms = slow_start_ms});
  pool.add("home");
  pool.fetch_many(kCapacity);
  CHECK(pool.load(pool.owner()) == kCapacity);
  CHECK(pool.counters().bounded_load_passed_over == 0);
  CHECK(pool.counters().fetches_queued == 0);
}

TEST_CASE("an L2 over its share is asked where no other has a free place",
          "[broker][bounded_load]") {
  CrowdOf pool(0);
  L2& large = pool.add("large");
  for (int n = 0; n < 4; ++n) pool.add("small-" + std::to_string(n), 1);
  pool.edge.advance(1'000'000);
  pool.fetch_many(kCapacity + 4);
  CHECK(pool.load(large) == kCapacity);
  CHECK(pool.edge.dispatcher.waiting() == 0);
  CHECK(pool.counters().queues_full == 0);
}

TEST_CASE("an L2 over its share comes before one that is ejected", "[broker][bounded_load]") {
  CrowdOf pool(2);
  L2& owner = pool.owner();
  L2& other = owner.no == pool.l2s[0]->no ? *pool.l2s[1] : *pool.l2s[0];
  pool.edge.registrations.health().eject(*other.health, 60'000, pool.edge.now_ms);
  pool.fetch_many(50);
  CHECK(pool.load(owner) == 50);
}

TEST_CASE("an announced holder has no bound but its capacity", "[broker][bounded_load]") {
  CrowdOf pool(10);
  pool.edge.registrations.holdings().add(pool.owner(), key_of_multihash(cid_number(42)));
  pool.fetch_many(100);
  CHECK(pool.load(pool.owner()) == 100);
  CHECK(pool.counters().bounded_load_passed_over == 0);
}

TEST_CASE("a new L2's share of the load grows", "[broker][bounded_load]") {
  CrowdOf pool(10);
  const std::string id = pool.owner().id();
  L2* owner = &pool.owner();
  std::erase(pool.l2s, owner);
  (void)pool.edge.lose(*owner);
  pool.edge.advance(kL2ReturnMs + 1);
  owner = &pool.add(id);
  REQUIRE(&pool.owner() == owner);
  pool.fetch_many(120);
  CHECK(pool.load(*owner) == kFairShareFloor);
  CHECK(pool.counters().slow_start_passed_over > 0);
  CHECK(pool.counters().slow_start_passed_over <= pool.counters().bounded_load_passed_over);
}

TEST_CASE(
    "an L2 that was away for a moment has its whole share, and so all where there is no slow "
    "start",
    "[broker][bounded_load]") {
  const bool is_away_for_long = GENERATE(false, true);
  CrowdOf pool(10, {.slow_start_ms = is_away_for_long ? uint64_t{0} : uint64_t{30'000}});
  const std::string id = pool.owner().id();
  L2* owner = &pool.owner();
  std::erase(pool.l2s, owner);
  (void)pool.edge.lose(*owner);
  pool.edge.advance(is_away_for_long ? 2 * kL2ReturnMs : kL2ReturnMs / 2);
  owner = &pool.add(id);
  pool.fetch_many(120);
  CHECK(pool.load(*owner) == 15);
  CHECK(pool.counters().slow_start_passed_over == 0);
}

}  // namespace daphnis::broker

#include "broker/registry/left_l2s.h"

#include <catch2/catch.hpp>

#include <limits>
#include <memory>
#include <string>

#include "broker/registry/registrations.h"
#include "tests/unit/broker/fake_line.h"

namespace daphnis::broker {
namespace {

/// Registrations at which L2s come and go.
struct Edge {
  L2& come(const std::string& id) {
    auto opened =
        registrations.open({.l2_id = id}, std::make_unique<FakeLine>(peer), "192.0.2.1", now_ms);
    REQUIRE(opened);
    return *opened->l2;
  }
  void leave(const std::string& id) {
    (void)registrations.remove(*registrations.registry().find(id), "left", now_ms);
  }

  uint64_t now_ms = 1'000;
  Context context{
      .settings = {}, .random = [] { return Uuid{1}; }, .out = {}, .timers = {}, .counters = {}};
  Registrations registrations{context};
  FakeL2 peer;
};

}  // namespace

TEST_CASE("an L2 has the operator's weight again when it comes back", "[broker][registry]") {
  Edge edge;
  CHECK(edge.come("other").weight == 1);
  L2& home = edge.come("home");
  CHECK(home.weight == 1);
  edge.registrations.set_weight(home, 2.5);
  CHECK(edge.registrations.ring().nodes() == 64 + 160);
  edge.leave("home");
  CHECK(edge.registrations.ring().nodes() == 64);
  edge.now_ms += 86'400'000;
  CHECK(edge.come("home").weight == 2.5);
  CHECK(edge.registrations.ring().nodes() == 64 + 160);
  SECTION("also where another connection takes its id over") {
    edge.now_ms += 86'400'000;
    CHECK(edge.come("home").weight == 2.5);
    CHECK(edge.registrations.ring().nodes() == 64 + 160);
  }
  SECTION("and 1 once the operator says so") {
    edge.registrations.set_weight(*edge.registrations.registry().find("home"), 1);
    edge.leave("home");
    CHECK(edge.come("home").weight == 1);
    CHECK(edge.registrations.ring().nodes() == 128);
  }
}

TEST_CASE("a weight out of its bounds becomes the nearest within", "[broker][registry]") {
  Edge edge;
  L2& home = edge.come("home");
  edge.registrations.set_weight(home, 0);
  CHECK(home.weight == 0.25);
  edge.registrations.set_weight(home, 1e300);
  CHECK(home.weight == 4);
  edge.registrations.set_weight(home, std::numeric_limits<double>::quiet_NaN());
  CHECK(home.weight == 0.25);
  CHECK(edge.registrations.ring().nodes() == 16);
}

TEST_CASE("an L2 that comes back within a minute is not new", "[broker][registry]") {
  Edge edge;
  CHECK(edge.come("home").new_since_ms == 1'000);
  edge.now_ms = 500'000;
  edge.leave("home");
  SECTION("a minute later") {
    edge.now_ms += kL2ReturnMs;
    CHECK(edge.come("home").new_since_ms == 1'000);
  }
  SECTION("after more than a minute") {
    edge.now_ms += kL2ReturnMs + 1;
    CHECK(edge.come("home").new_since_ms == edge.now_ms);
  }
  SECTION("another id is") {
    CHECK(edge.come("other").new_since_ms == 500'000);
  }
  SECTION("nor is one whose id another connection takes over") {
    edge.come("home");
    edge.now_ms += 10'000;
    CHECK(edge.come("home").new_since_ms == 1'000);
  }
}

TEST_CASE("of ids beyond the bound those put first are forgotten", "[broker][registry]") {
  RememberedIds<int> ids(3);
  for (int n = 0; n < 5; ++n) ids.put(std::to_string(n), n, 10);
  CHECK(ids.size() == 3);
  CHECK_FALSE(ids.take("1"));
  CHECK(ids.take("2") == 2);
  CHECK_FALSE(ids.take("2"));
  ids.put("3", 33, 20);  // Now the last one.
  ids.put("5", 5, 20);
  ids.put("6", 6, 20);
  CHECK_FALSE(ids.take("4"));
  CHECK(ids.take("3") == 33);
  ids.forget_before(20);
  CHECK(ids.size() == 2);
  ids.forget_before(21);
  CHECK(ids.size() == 0);
}

TEST_CASE("an L2 that leaves and comes back again and again takes one place",
          "[broker][registry]") {
  RememberedIds<int> ids(2);
  ids.put("kept", 1, 1);
  for (int n = 0; n < 1'000; ++n) {
    ids.put("flaps", n, 2);
    CHECK(ids.take("flaps") == n);
  }
  ids.put("flaps", 0, 2);
  CHECK(ids.take("kept") == 1);
}

}  // namespace daphnis::broker

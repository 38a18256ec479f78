#include "broker/registry/registrations.h"

#include <catch2/catch.hpp>

#include "tests/unit/broker/fake_line.h"

/// Registrations by themselves: what follows from an L2 that does not read is the same whatever its
/// line is.
namespace daphnis::broker {
namespace {

/// Registrations with one L2 on a fake line.
struct Registered {
  Registered() {
    auto opened = registrations.open({.l2_id = "home"}, std::make_unique<FakeLine>(home),
                                     "192.0.2.1", now_ms);
    REQUIRE(opened);
    l2 = opened->l2;
  }
  /// Lets time pass; each timer on the way fires in its turn.
  void advance(uint64_t ms) {
    const uint64_t end_ms = now_ms + ms;
    while (const auto due = context.timers.pop_due(end_ms)) {
      now_ms = due->at_ms;
      registrations.on_timer(L2No{due->id}, now_ms);
    }
    now_ms = end_ms;
  }

  uint64_t now_ms = 1'000;
  Context context{
      .settings = {}, .random = [] { return Uuid{1}; }, .out = {}, .timers = {}, .counters = {}};
  Registrations registrations{context};
  FakeL2 home;
  L2* l2 = nullptr;
};

}  // namespace

TEST_CASE("an L2 that reads gets heartbeats and is never given up", "[broker][registration]") {
  Registered it;
  for (int i = 0; i < 20; ++i) {
    it.registrations.on_unsent(*it.l2, 0, it.now_ms);
    it.advance(it.context.settings.heartbeat_ms);
  }
  CHECK(it.home.heartbeats == 20);
  CHECK(it.registrations.given_up().empty());
}

TEST_CASE("an L2 that does not read is given up and gets no more", "[broker][registration]") {
  Registered it;
  it.advance(it.context.settings.l2_stuck_ms - 1);
  CHECK_FALSE(it.l2->is_given_up);
  CHECK(it.l2->is_behind(it.now_ms));
  it.advance(limits::kL2BehindMs + 1);
  CHECK(it.l2->is_given_up);
  CHECK(it.registrations.given_up() == std::vector<L2No>{it.l2->no});
  CHECK(it.context.counters.drops_stuck == 1);
  const size_t unsent = it.l2->unsent_bytes;
  const Uuid id{2};
  it.registrations.order(*it.l2, {.attempt_id = id, .request = {}, .trace_id = "t"}, it.now_ms);
  it.registrations.cancel(*it.l2, id, it.now_ms);
  CHECK(it.home.orders.empty());
  CHECK(it.home.cancels.empty());
  CHECK(it.l2->unsent_bytes == unsent);
}

TEST_CASE("a line that writes nothing does not put its L2 behind", "[broker][registration]") {
  Registered it;
  it.registrations.on_unsent(*it.l2, 0, it.now_ms);
  it.home.bytes_per_call = 0;
  it.registrations.cancel(*it.l2, Uuid{2}, it.now_ms);
  it.advance(60'000);
  CHECK(it.home.cancels.size() == 1);
  CHECK_FALSE(it.l2->is_behind(it.now_ms));
  CHECK(it.registrations.given_up().empty());
}

TEST_CASE("a removed L2 leaves its line and a refused one never begins it",
          "[broker][registration]") {
  Registered it;
  FakeL2 rival;
  const auto admitted = it.registrations.open({.l2_id = "home"}, std::make_unique<FakeLine>(rival),
                                              "192.0.2.1", it.now_ms);
  CHECK(admitted);
  CHECK(admitted->replaced);
  FakeL2 late;
  const auto refused = it.registrations.open({.l2_id = "home"}, std::make_unique<FakeLine>(late),
                                             "192.0.2.1", it.now_ms);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Registry::Refusal::kTooSoon);
  CHECK(late.session_keys.empty());
  const auto line = it.registrations.remove(*it.l2, "lost", it.now_ms);
  REQUIRE(line);
  line->end("lost", it.now_ms);
  CHECK(rival.end_reasons == std::vector<std::string>{"lost"});
  CHECK(it.registrations.registry().size() == 0);
  CHECK(it.context.timers.size() == 0);
}

TEST_CASE("a crowd of L2s is let in at once, and then so many a second", "[broker][registration]") {
  const Settings settings{
      .l2s_max = 2 * limits::kL2sMax, .registrations_per_s = 10, .l2s_per_address = 0};
  Registry registry(settings);
  FakeL2 l2;
  size_t made = 0;
  const auto admit = [&](uint64_t now_ms) {
    return registry.admit({.l2_id = "l2-" + std::to_string(++made)}, std::make_unique<FakeLine>(l2),
                          "192.0.2.1", now_ms);
  };
  for (size_t n = 0; n < limits::kL2sMax; ++n) REQUIRE(admit(1'000));
  CHECK(admit(1'099).error() == Registry::Refusal::kTooMany);
  CHECK(admit(1'100));
  CHECK_FALSE(admit(1'100));
  CHECK(registry.size() == limits::kL2sMax + 1);
}

}  // namespace daphnis::broker

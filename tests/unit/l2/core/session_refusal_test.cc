#include <catch2/catch.hpp>
#include <string>

#include "l2/core/l1_refusal.h"
#include "tests/unit/l2/core/session_rig.h"

using namespace daphnis;
using namespace daphnis::l2;
using Rig = daphnis::test::SessionRig;

namespace {

constexpr std::string_view kReplaced = "replaced by a newer connection";

bool has(const std::string& line, const std::string& part) {
  return line.find(part) != std::string::npos;
}

/// Lets the session lose its id to another node after `lasts_ms`, and register again. Returns how
/// long the session waited.
uint64_t contest(Rig& rig, uint64_t lasts_ms) {
  // Heartbeats keep the L1 from counting as dead.
  for (uint64_t passed = 0; passed < lasts_ms; passed += 10'000) {
    rig.pass(10'000);
    rig.feed("\n");
  }
  rig.session.on_registration_ended(kReplaced, rig.now);
  const uint64_t wait_ms = *rig.session.wakes_at_ms() - rig.now;
  rig.pass(wait_ms);
  rig.session.on_registration_head(200, {}, rig.now);
  rig.collect();
  REQUIRE(rig.session.is_registered());
  return wait_ms;
}

}  // namespace

TEST_CASE("a refusal is read from JSON and from nothing else", "[l2][refusal]") {
  const L1Refusal full = read_refusal(503, 5'000,
                                      R"({"code":"full","detail":"as many L2s as it takes"})"
                                      "\n");
  CHECK(full.status == 503);
  CHECK(full.retry_after_ms == 5'000U);
  CHECK(full.code == "full");
  CHECK(full.detail == "as many L2s as it takes");
  CHECK(read_refusal(404, {}, R"({"error":"content lives elsewhere","code":"x"})").detail ==
        "content lives elsewhere");
  for (const char* body : {"", "<html>", "[1]", R"({"code":7})", R"({"code":"fu)"}) {
    CAPTURE(body);
    CHECK(read_refusal(502, {}, body).code.empty());
  }
}

TEST_CASE("a refused registration is logged with code, reason and what to do", "[l2][session]") {
  struct Case {
    int status;
    std::string code;
    std::string advice;
  };
  const Case one = GENERATE(Case{503, "full", "name another one with --l1"},
                            Case{503, "replaced_too_often", "another node uses this id"},
                            Case{404, "unknown_path", "is this its client port?"},
                            Case{400, "", "is this its client port?"}, Case{503, "draining", ""},
                            Case{502, "", ""});
  CAPTURE(one.status, one.code);
  Rig rig;
  rig.session.start(rig.now);
  rig.collect();
  rig.session.on_registration_refused(
      {.status = one.status, .code = one.code, .detail = one.code.empty() ? "" : "said so"},
      rig.now);
  rig.collect();
  CHECK(rig.closed == 1);
  REQUIRE(rig.logged.size() == 1);
  const std::string& line = rig.logged[0];
  CAPTURE(line);
  CHECK(has(line, "level=warn event=registration_failed"));
  CHECK(has(line, one.code.empty() ? "why=\"the L1 answered " : "why=\"said so\""));
  CHECK(has(line, "status=" + std::to_string(one.status)));
  CHECK(has(line, "code=" + one.code) == !one.code.empty());
  CHECK(has(line, "advice=") == !one.advice.empty());
  CHECK(has(line, one.advice));
}

TEST_CASE("the reason that ends a registration is logged with what to do", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.session.on_registration_ended("it does not read its orders", rig.now);
  rig.collect();
  CHECK(has(rig.logged.back(), "level=warn event=registration_lost"));
  CHECK(has(rig.logged.back(), "why=\"it does not read its orders\""));
  CHECK(has(rig.logged.back(), "--capacity"));
}

TEST_CASE("an L2 that loses its id to another node waits longer each time", "[l2][session]") {
  Rig rig;
  rig.registered();
  uint64_t least_ms = limits::kIdContestFirstMs;
  for (int i = 0; i < 10; ++i) {
    // The registrations in between last long enough to reset the ordinary back-off.
    const uint64_t wait_ms = contest(rig, 2 * limits::kRegistrationHealthyMs);
    CHECK(wait_ms >= least_ms);
    CHECK(wait_ms <= 2 * least_ms);
    least_ms = std::min(2 * least_ms, limits::kIdContestMaxMs);
  }
  CHECK(least_ms == limits::kIdContestMaxMs);
  CHECK(has(rig.logged[1], "another node uses this id"));
  contest(rig, limits::kIdContestOverMs);
  CHECK(contest(rig, 0) <= 4 * limits::kIdContestFirstMs);
}

TEST_CASE("a refusal because of another node of the id counts as losing it", "[l2][session]") {
  Rig rig;
  rig.session.start(rig.now);
  rig.collect();
  for (int i = 0; i < 4; ++i) {
    rig.session.on_registration_refused(
        {.status = 503, .retry_after_ms = 5'000, .code = "replaced_too_often", .detail = "other"},
        rig.now);
    const uint64_t wait_ms = *rig.session.wakes_at_ms() - rig.now;
    CHECK(wait_ms >= limits::kIdContestFirstMs << i);
    rig.pass(wait_ms);
  }
}

TEST_CASE("refused holdings are logged with what the L1 said", "[l2][session]") {
  Rig rig;
  rig.session.on_holdings(make_holdings({Cid()}), rig.now);
  rig.registered();
  rig.session.on_holdings_reply(
      {.status = 403, .code = "other_address", .detail = "announce from elsewhere"}, rig.now);
  rig.collect();
  CHECK(has(rig.logged.back(), "event=holdings_refused status=403 code=other_address why="));
}

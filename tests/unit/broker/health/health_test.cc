#include "broker/health/health.h"

#include <catch2/catch.hpp>

namespace daphnis::broker {
namespace {

constexpr uint64_t kNow = 600'000;
constexpr uint64_t kFirstMs = 60'000;
constexpr uint64_t kRoot = 7;
constexpr auto kLied = EjectionReason::kLied;
using How = OrderEnd::How;

}  // namespace

TEST_CASE("each ejection is twice as long as the one before, up to an hour", "[broker][health]") {
  Standing of;
  uint64_t now = kNow;
  for (const uint64_t minutes : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    CHECK(of.eject(kLied, kRoot, kFirstMs, now) == minutes * 60'000);
    CHECK(of.is_ejected(now + minutes * 60'000 - 1));
    CHECK_FALSE(of.is_ejected(now + minutes * 60'000));
    now += minutes * 60'000;
  }
}

TEST_CASE("good conduct halves the next ejection again", "[broker][health]") {
  Standing of;
  of.eject(kLied, kRoot, kFirstMs, kNow);
  of.eject(kLied, kRoot, kFirstMs, kNow);  // For two minutes.
  const uint64_t out = kNow + 2 * kFirstMs;
  SECTION("a proven stream each ten minutes, one step each") {
    of.on_success(out + kGoodConductMs);
    of.on_success(out + kGoodConductMs + 1);
    CHECK(of.eject(kLied, kRoot, kFirstMs, out + kGoodConductMs + 2) == 2 * kFirstMs);
  }
  SECTION("not time alone") {
    CHECK(of.eject(kLied, kRoot, kFirstMs, out + 100 * kGoodConductMs) == 4 * kFirstMs);
  }
  SECTION("not many streams at once") {
    for (int n = 0; n < 1'000; ++n) of.on_success(out + 1);
    CHECK(of.eject(kLied, kRoot, kFirstMs, out + 2) == 4 * kFirstMs);
  }
}

TEST_CASE("an ejection ends in a probation of so many proven streams", "[broker][health]") {
  Standing of;
  CHECK_FALSE(of.is_on_probation());
  of.eject(EjectionReason::kFailing, std::nullopt, kFirstMs, kNow);
  CHECK(of.is_on_probation());
  CHECK_FALSE(of.on_success(kNow + 1));  // Its time is not over.
  CHECK(of.successes_needed() == kProbationSuccesses);
  for (uint32_t n = 1; n < kProbationSuccesses; ++n) CHECK_FALSE(of.on_success(kNow + kFirstMs));
  CHECK(of.on_success(kNow + kFirstMs));
  CHECK_FALSE(of.is_on_probation());
  CHECK_FALSE(of.on_success(kNow + kFirstMs));
}

TEST_CASE("an ejection that is taken back has not been", "[broker][health]") {
  Standing of;
  of.eject(kLied, kRoot, kFirstMs, kNow);
  SECTION("for its root") {
    CHECK(of.take_back(kRoot, 0, kNow + 1));
    CHECK_FALSE(of.is_ejected(kNow + 1));
    CHECK_FALSE(of.is_on_probation());
    CHECK(of.eject(kLied, kRoot, kFirstMs, kNow + 2) == kFirstMs);
  }
  SECTION("also where it lied about it again") {
    of.eject(kLied, kRoot, kFirstMs, kNow + 1);
    CHECK(of.take_back(kRoot, 0, kNow + 2));
    CHECK(of.eject(kLied, kRoot, kFirstMs, kNow + 3) == kFirstMs);
  }
  SECTION("not where it lied about another root too") {
    of.eject(kLied, kRoot + 1, kFirstMs, kNow + 1);
    CHECK_FALSE(of.take_back(kRoot, 0, kNow + 2));
    CHECK(of.is_ejected(kNow + 2));
  }
  SECTION("not for another root") {
    CHECK_FALSE(of.take_back(kRoot + 1, 0, kNow + 1));
  }
  SECTION("whatever the root, where it is young enough") {
    CHECK_FALSE(of.take_back(std::nullopt, kNow + 1, kNow + 1));
    CHECK(of.take_back(std::nullopt, kNow, kNow + 1));
  }
  SECTION("not what failures or the operator did") {
    of.eject_by_operator(kFirstMs, kNow + 1);
    CHECK_FALSE(of.take_back(std::nullopt, 0, kNow + 2));
    Standing failing;
    failing.eject(EjectionReason::kFailing, std::nullopt, kFirstMs, kNow);
    CHECK_FALSE(failing.take_back(std::nullopt, 0, kNow + 2));
  }
}

TEST_CASE("the operator ejects for as long as he says and readmits at once", "[broker][health]") {
  Standing of;
  of.eject_by_operator(5'000, kNow);
  CHECK(of.left_ms(kNow + 1'000) == 4'000);
  CHECK_FALSE(of.is_on_probation());
  CHECK(of.eject(kLied, kRoot, kFirstMs, kNow + 5'000) == kFirstMs);
  of.readmit();
  CHECK_FALSE(of.is_ejected(kNow + 5'001));
  CHECK_FALSE(of.is_on_probation());
}

TEST_CASE("an L2's health counts how its orders ended in the last minutes", "[broker][health]") {
  Health of(HealthNo{1}, "home", "192.0.2.1", RuleMode::kOn);
  CHECK(of.ends(kNow).share_failed() == 0);
  for (const How how :
       {How::kServed, How::kNotFound, How::kAborted, How::kSilent, How::kLied, How::kNothing}) {
    of.add({.how = how, .body_bytes = 1'000, .stream_ms = 100}, kNow);
  }
  const OrderEnds ends = of.ends(kNow + kEndsPartMs);
  CHECK(ends.judged == 5);
  CHECK(ends.aborted == 1);
  CHECK(ends.silent == 1);
  CHECK(ends.lied == 1);
  CHECK(ends.share_failed() == Approx(0.4));
  CHECK(ends.bytes_per_s() == 10'000);
  SECTION("and forgets them") {
    CHECK(of.ends(kNow + 2 * kEndsPartMs).judged == 0);
  }
  SECTION("at once where it is judged anew") {
    of.begin_anew();
    CHECK(of.ends(kNow).judged == 0);
  }
}

TEST_CASE("a deed is a proven block, whatever became of the stream", "[broker][health]") {
  Health of(HealthNo{1}, "home", "192.0.2.1", RuleMode::kOn);
  of.add({.how = How::kNotFound}, kNow);
  of.add({.how = How::kServed}, kNow);  // Its stream lost a race before its first block.
  CHECK_FALSE(of.has_deeds());
  of.add({.how = How::kAborted, .blocks_proven = 3}, kNow);
  CHECK(of.has_deeds());
  CHECK(of.blocks_proven() == 3);
  CHECK(of.streams_proven() == 0);
  of.add({.how = How::kServed, .blocks_proven = 4}, kNow + 100 * kEndsPartMs);
  CHECK(of.blocks_proven() == 7);
  CHECK(of.streams_proven() == 1);
}

TEST_CASE("where rules are only observed the operator alone ejects", "[broker][health]") {
  Health of(HealthNo{1}, "home", "192.0.2.1", RuleMode::kObserve);
  of.standing().eject(kLied, kRoot, kFirstMs, kNow);
  CHECK_FALSE(of.is_ejected(kNow));
  CHECK_FALSE(of.is_on_probation());
  of.standing().eject_by_operator(1'000, kNow);
  CHECK(of.is_ejected(kNow));
}

}  // namespace daphnis::broker

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "common/base/limits.h"
#include "l2/core/backoff.h"
#include "l2/core/l1_session.h"

using namespace daphnis;
using namespace daphnis::l2;

namespace {

Random seeded(uint64_t seed) {
  return [engine = std::mt19937_64(seed)]() mutable { return engine(); };
}

}  // namespace

TEST_CASE("back-off windows grow to their bound and start over after a reset", "[l2][backoff]") {
  uint64_t window = limits::kReconnectFirstMs;
  Backoff backoff(seeded(1));
  for (int i = 0; i < 30; ++i) {
    const uint64_t delay = backoff.next_ms();
    CHECK(delay >= limits::kReconnectFirstMs / 20);
    CHECK(delay <= window);
    window = std::min(window + window / 2, limits::kReconnectMaxMs);
  }
  backoff.reset();
  CHECK(backoff.next_ms() <= limits::kReconnectFirstMs);
}

TEST_CASE("fifteen thousand L2s that lost one L1 come back spread out", "[l2][backoff]") {
  constexpr size_t kBuckets = 10;
  std::vector<size_t> buckets(kBuckets);
  for (uint64_t i = 0; i < 15'000; ++i) {
    const uint64_t delay = Backoff(seeded(i)).next_ms();
    ++buckets[std::min<uint64_t>(delay * kBuckets / limits::kReconnectFirstMs, kBuckets - 1)];
  }
  CHECK(*std::max_element(buckets.begin(), buckets.end()) < 2 * 15'000 / kBuckets);
}

TEST_CASE("a Retry-After is never undercut and spread over a quarter more", "[l2][backoff]") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(seeded(seed));
    const uint64_t delay = backoff.next_after_ms(60'000);
    CHECK(delay >= 60'000);
    CHECK(delay <= 75'000);
    CHECK(backoff.next_after_ms(~uint64_t{0}) <= limits::kRetryAfterMaxMs * 5 / 4);
  }
}

TEST_CASE("Retry-After is read in seconds and nothing else", "[l2][backoff]") {
  CHECK(parse_retry_after_ms("7") == 7000U);
  CHECK(parse_retry_after_ms("0") == 0U);
  for (const char* text : {"", "-1", "7s", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999"}) {
    CHECK_FALSE(parse_retry_after_ms(text));
  }
}

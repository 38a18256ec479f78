#include "broker/health/latencies.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace daphnis::broker {
namespace {

constexpr uint64_t kNow = 600'000;

double within(double value) {
  return std::max(2.0, value / 8);
}

}  // namespace

TEST_CASE("nothing is known of an L2 that was not asked", "[broker][health]") {
  const Latencies none;
  CHECK(none.samples(kNow) == 0);
  CHECK_FALSE(none.p50(kNow));
  CHECK_FALSE(none.p95(kNow));
}

TEST_CASE("a p95 needs 32 samples and a median one", "[broker][health]") {
  Latencies of;
  for (int n = 0; n < 31; ++n) of.add(40, kNow);
  CHECK(of.p50(kNow));
  CHECK_FALSE(of.p95(kNow));
  of.add(40, kNow);
  CHECK(of.samples(kNow) == 32);
  CHECK(of.p95(kNow).value() >= 40);
  CHECK(of.p95(kNow).value() < 44);
}

TEST_CASE("quantiles are right to within an eighth", "[broker][health]") {
  const uint64_t seed = GENERATE(1, 2, 3);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> times(GENERATE(1.0, 3.0, 5.5), 0.7);
  Latencies of;
  std::vector<double> all;
  for (int n = 0; n < 5'000; ++n) {
    const auto ms = static_cast<uint64_t>(std::min(times(random), 4'000.0));
    of.add(ms, kNow);
    all.push_back(static_cast<double>(ms));
  }
  std::ranges::sort(all);
  const double p50 = all[all.size() / 2];
  const double p95 = all[all.size() * 95 / 100];
  CHECK(static_cast<double>(of.p50(kNow).value()) == Approx(p50).margin(within(p50)));
  CHECK(static_cast<double>(of.p95(kNow).value()) == Approx(p95).margin(within(p95)));
}

TEST_CASE("times beyond the bound count as the bound", "[broker][health]") {
  Latencies of;
  for (int n = 0; n < 40; ++n) of.add(1'000'000'000, kNow);
  CHECK(of.p50(kNow).value() <= kLatencyMsMax + 1);
  CHECK(of.p50(kNow).value() > kLatencyMsMax / 8 * 7);
}

TEST_CASE("what is older than two minutes is forgotten", "[broker][health]") {
  Latencies of;
  for (int n = 0; n < 40; ++n) of.add(2'000, kNow);
  for (int n = 0; n < 40; ++n) of.add(20, kNow + kLatencyPartMs);
  CHECK(of.samples(kNow + kLatencyPartMs) == 80);
  CHECK(of.p95(kNow + kLatencyPartMs).value() > 1'500);
  CHECK(of.samples(kNow + 2 * kLatencyPartMs) == 40);
  CHECK(of.p95(kNow + 2 * kLatencyPartMs).value() < 30);
  CHECK(of.samples(kNow + 3 * kLatencyPartMs) == 0);
  SECTION("also where nothing is added for long") {
    of.add(300, kNow + 100 * kLatencyPartMs);
    CHECK(of.samples(kNow + 100 * kLatencyPartMs) == 1);
  }
}

TEST_CASE("a time that was waited for in vain is corrected when the POST comes",
          "[broker][health]") {
  Latencies of;
  of.add(100, kNow);
  SECTION("in the same minute") {
    of.correct(100, 1'900, kNow + 1'800);
    CHECK(of.samples(kNow + 1'800) == 1);
    CHECK(of.p50(kNow + 1'800).value() > 1'700);
  }
  SECTION("in the next minute") {
    of.correct(100, 1'900, kNow + kLatencyPartMs);
    CHECK(of.samples(kNow + kLatencyPartMs) == 1);
    CHECK(of.p50(kNow + kLatencyPartMs).value() > 1'700);
  }
  SECTION("where it is forgotten the new time counts alone") {
    of.correct(100, 1'900, kNow + 2 * kLatencyPartMs);
    CHECK(of.samples(kNow + 2 * kLatencyPartMs) == 1);
  }
}

TEST_CASE("a full count is halved and keeps the quantiles", "[broker][health]") {
  Latencies of;
  for (int n = 0; n < 200'000; ++n) of.add(n % 4 == 0 ? 1'000 : 20, kNow);
  CHECK(of.p50(kNow).value() < 24);
  CHECK(of.p95(kNow).value() > 900);
}

}  // namespace daphnis::broker

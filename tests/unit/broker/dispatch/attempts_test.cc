#include "broker/dispatch/attempts.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

Uuid id_of(uint32_t n) {
  Uuid id{};
  for (size_t i = 0; i < 4; ++i) id[i] = static_cast<uint8_t>(n >> (8 * i));
  return id;
}

/// Attempts that end without a fetch or an L2.
struct Ends {
  void end(uint32_t n, bool is_delivered) {
    Attempt& attempt =
        attempts.add(std::make_unique<Attempt>(id_of(n), false, registrations, context));
    if (is_delivered) attempt.deliver(false, 1'000);
    attempt.end({.how = Outcome::kCancelled}, 1'000);
    attempts.finish(attempt, 1'000);
  }

  Context context{};
  Registrations registrations{context};
  Attempts attempts;
};

}  // namespace

TEST_CASE("whether attempts were delivered is remembered for a minute", "[broker][attempts]") {
  Ends ends;
  Attempts& attempts = ends.attempts;
  CHECK_FALSE(attempts.was_delivered(id_of(1), 1'000).has_value());
  ends.end(1, false);
  ends.end(2, true);
  CHECK(attempts.live() == 0);
  CHECK(attempts.was_delivered(id_of(1), 60'999) == false);
  CHECK(attempts.was_delivered(id_of(2), 60'999) == true);
  CHECK_FALSE(attempts.was_delivered(id_of(1), 61'000).has_value());
  CHECK(attempts.remembered() == 0);
}

TEST_CASE("no more attempts are remembered than the bound and the oldest go first",
          "[broker][attempts]") {
  Ends ends;
  Attempts& attempts = ends.attempts;
  const auto most = static_cast<uint32_t>(limits::kAttemptsRememberedMax);
  for (uint32_t n = 0; n <= most; ++n) ends.end(n, true);
  CHECK(attempts.remembered() == most);
  CHECK_FALSE(attempts.was_delivered(id_of(0), 1'000).has_value());
  CHECK(attempts.was_delivered(id_of(1), 1'000) == true);
}

}  // namespace daphnis::broker

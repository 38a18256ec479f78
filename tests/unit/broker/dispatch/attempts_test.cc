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

}  // namespace

TEST_CASE("the ends of attempts are remembered for a minute", "[broker][attempts]") {
  Attempts attempts;
  attempts.add(id_of(1), {});
  CHECK_FALSE(attempts.finished(id_of(1), 1'000));
  attempts.finish(id_of(1), AttemptEnd::kCancelled, 1'000);
  CHECK(attempts.live() == 0);
  CHECK(attempts.finished(id_of(1), 60'999) == AttemptEnd::kCancelled);
  CHECK_FALSE(attempts.finished(id_of(1), 61'000));
  CHECK(attempts.remembered() == 0);
}

TEST_CASE("no more ends are remembered than the bound and the oldest go first",
          "[broker][attempts]") {
  Attempts attempts;
  const auto most = static_cast<uint32_t>(limits::kAttemptsRememberedMax);
  for (uint32_t n = 0; n <= most; ++n) {
    attempts.add(id_of(n), {});
    attempts.finish(id_of(n), AttemptEnd::kDelivered, 1'000);
  }
  CHECK(attempts.remembered() == most);
  CHECK_FALSE(attempts.finished(id_of(0), 1'000));
  CHECK(attempts.finished(id_of(1), 1'000) == AttemptEnd::kDelivered);
}

}  // namespace daphnis::broker

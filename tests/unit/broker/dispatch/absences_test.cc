#include "broker/dispatch/absences.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "broker/registry/holdings.h"
#include "tests/unit/broker/cid_number.h"

namespace daphnis::broker {
namespace {

/// A fetch of DAG number `n`, or of a path below it.
Fetch fetch_of(uint64_t n, std::vector<std::string> path = {}) {
  Fetch fetch;
  fetch.request = {.root = cid_number(n), .path = std::move(path)};
  fetch.key = key_of_multihash(fetch.request.root);
  fetch.request_key = key_of(fetch.request);
  return fetch;
}

constexpr Absences::Round kAllLackTheRoot{.was_said = true, .is_of_root = true, .arrivals = 3};

}  // namespace

TEST_CASE("a root that all lack is absent for 10 s, whatever is asked for below it",
          "[broker][absences]") {
  Absences absences;
  CHECK(absences.add(fetch_of(1), kAllLackTheRoot, 1'000) == 0);
  REQUIRE(absences.find(fetch_of(1), 10'999));
  CHECK(*absences.find(fetch_of(1), 10'999) == 3);
  CHECK(absences.find(fetch_of(1, {"a"}), 10'999));
  CHECK_FALSE(absences.find(fetch_of(2), 10'999));
  CHECK_FALSE(absences.find(fetch_of(1), 11'000));
  CHECK(absences.size() == 0);
}

TEST_CASE("where only a block below the root is lacking, that request alone is absent",
          "[broker][absences]") {
  Absences absences;
  (void)absences.add(fetch_of(1, {"a"}), {.was_said = true, .arrivals = 0}, 1'000);
  CHECK(absences.find(fetch_of(1, {"a"}), 2'000));
  CHECK_FALSE(absences.find(fetch_of(1, {"b"}), 2'000));
  CHECK_FALSE(absences.find(fetch_of(1), 2'000));
}

TEST_CASE("an absence lasts from its own round, and one that was only concluded for 1 s",
          "[broker][absences]") {
  Absences absences;
  const Fetch fetch = fetch_of(1);
  (void)absences.add(fetch, {.was_said = false}, 1'000);
  (void)absences.add(fetch, {.was_said = false}, 1'900);
  CHECK(absences.find(fetch, 1'999));
  CHECK_FALSE(absences.find(fetch, 2'000));
  (void)absences.add(fetch, {.was_said = false}, 3'000);
  (void)absences.add(fetch, {.was_said = true}, 3'500);
  (void)absences.add(fetch, {.was_said = true}, 9'000);
  (void)absences.add(fetch, {.was_said = false}, 9'000);
  CHECK(absences.find(fetch, 13'499));
  CHECK_FALSE(absences.find(fetch, 13'500));
}

TEST_CASE("an announced root is absent no more, and neither is what lies below it",
          "[broker][absences]") {
  Absences absences;
  (void)absences.add(fetch_of(1), kAllLackTheRoot, 1'000);
  (void)absences.add(fetch_of(1, {"a"}), {.was_said = true}, 1'000);
  (void)absences.add(fetch_of(2), kAllLackTheRoot, 1'000);
  CHECK(absences.forget(fetch_of(1).key) == 2);
  CHECK(absences.forget(fetch_of(1).key) == 0);
  CHECK_FALSE(absences.find(fetch_of(1), 1'000));
  CHECK_FALSE(absences.find(fetch_of(1, {"a"}), 1'000));
  CHECK(absences.find(fetch_of(2), 1'000));
}

TEST_CASE("another root of the same key is not absent", "[broker][absences]") {
  Absences absences;
  Fetch twin = fetch_of(2);
  twin.key = fetch_of(1).key;
  (void)absences.add(fetch_of(1), kAllLackTheRoot, 1'000);
  CHECK_FALSE(absences.find(twin, 1'000));
}

TEST_CASE("beyond their bounds the oldest absences and missing paths are dropped",
          "[broker][absences]") {
  Absences absences;
  Fetch fetch = fetch_of(1);
  size_t dropped = 0;
  for (fetch.key = 0; fetch.key < kAbsencesMax; ++fetch.key) {
    dropped += absences.add(fetch, kAllLackTheRoot, 1'000);
  }
  CHECK(dropped == 0);
  CHECK(absences.add(fetch, kAllLackTheRoot, 1'000) == 1);
  CHECK(absences.size() == kAbsencesMax);
  fetch.key = 0;
  CHECK_FALSE(absences.find(fetch, 1'000));
  fetch.key = 1;
  CHECK(absences.find(fetch, 1'000));

  RequestKey key{};
  for (uint64_t n = 0; n <= kMissingPathsMax; ++n) {
    std::copy_n(reinterpret_cast<const uint8_t*>(&n), sizeof n, key.begin());
    dropped += absences.add_missing_path(key) + absences.add_missing_path(key);
  }
  CHECK(dropped == 1);
  CHECK(absences.missing_paths() == kMissingPathsMax);
  CHECK_FALSE(absences.is_missing_path(RequestKey{}));
  CHECK(absences.is_missing_path(key));
}

TEST_CASE("what is announced and forgotten again and again takes no memory", "[broker][absences]") {
  Absences absences;
  const Fetch fetch = fetch_of(1);
  for (size_t i = 0; i < 3 * kAbsencesMax; ++i) {
    (void)absences.add(fetch, kAllLackTheRoot, 1'000);
    (void)absences.forget(fetch.key);
  }
  (void)absences.add(fetch, kAllLackTheRoot, 1'000);
  CHECK(absences.size() == 1);
  CHECK(absences.find(fetch, 1'000));
}

}  // namespace daphnis::broker

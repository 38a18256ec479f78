#include "broker/registry/places.h"

#include <catch2/catch.hpp>

namespace daphnis::broker {
namespace {

constexpr Uuid kFirst{1};
constexpr Uuid kSecond{2};

}  // namespace

TEST_CASE("an order given up keeps its place until the L2 has answered it", "[broker][places]") {
  Places places;
  places.take(kFirst);
  places.take(kSecond);
  places.give_up(kFirst, 1'000, 1'800);
  CHECK(places.attempts() == std::vector<Uuid>{kSecond});
  CHECK(places.given_up() == 1);
  CHECK(places.taken() == 2);
  CHECK_FALSE(places.settle(kSecond, 2'000));
  CHECK(places.settle(kFirst, 2'500));
  CHECK_FALSE(places.settle(kFirst, 2'500));
  CHECK(places.taken() == 1);
  CHECK_FALSE(places.expires_at_ms());
}

TEST_CASE("a place of an order given up is free after its time at the latest", "[broker][places]") {
  Places places;
  places.take(kFirst);
  places.take(kSecond);
  places.give_up(kSecond, 1'000, 2'000);
  places.give_up(kFirst, 1'000, 3'000);
  CHECK(places.expires_at_ms() == 2'000 + kGivenUpPlaceMs);
  CHECK_FALSE(places.expire(1'999 + kGivenUpPlaceMs));
  CHECK(places.expire(2'000 + kGivenUpPlaceMs)->attempt == kSecond);
  CHECK_FALSE(places.expire(2'000 + kGivenUpPlaceMs));
  CHECK(places.expires_at_ms() == 3'000 + kGivenUpPlaceMs);
  CHECK(places.forget_given_up() == std::vector<Uuid>{kFirst});
  CHECK(places.taken() == 0);
}

TEST_CASE("the mean time that a place is held follows what is measured", "[broker][places]") {
  Places places;
  const auto hold = [&](uint64_t ms) {
    places.take(kFirst);
    places.free(kFirst, 1'000, 1'000 + ms);
  };
  CHECK(places.held_ms() == 0);
  hold(800);
  CHECK(places.held_ms() == 800);
  hold(1'600);
  CHECK(places.held_ms() == 900);
  places.take(kFirst);
  places.give_up(kFirst, 1'000, 1'800);
  CHECK(places.held_ms() == 900);  // Nobody knows yet how long that place is held.
  CHECK(places.settle(kFirst, 2'700));
  CHECK(places.held_ms() == 1'000);
  for (int i = 0; i < 100; ++i) hold(40);
  CHECK(places.held_ms() <= 47);
}

}  // namespace daphnis::broker

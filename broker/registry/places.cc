#include "broker/registry/places.h"

#include <algorithm>

#include "common/base/check.h"

namespace daphnis::broker {

void Places::free(const Uuid& attempt, uint64_t ordered_ms, uint64_t now_ms) {
  check(std::erase(attempts_, attempt) == 1, "an attempt leaves a place that it has not taken");
  answer(attempt);
  count_held(ordered_ms, now_ms);
}

void Places::yield(const Uuid& attempt) {
  check(std::erase(attempts_, attempt) == 1, "an attempt yields a place that it has not taken");
  answer(attempt);
}

void Places::give_up(const Uuid& attempt, uint64_t ordered_ms, uint64_t now_ms, const Wait& wait) {
  check(std::erase(attempts_, attempt) == 1, "an order is given up that took no place");
  answer(attempt);
  given_up_.push_back({attempt, ordered_ms, now_ms, wait});
}

std::optional<Places::GivenUp> Places::settle(const Uuid& attempt, uint64_t now_ms) {
  const auto found = std::ranges::find(given_up_, attempt, &GivenUp::attempt);
  if (found == given_up_.end()) return std::nullopt;
  const GivenUp settled = *found;
  count_held(settled.ordered_ms, now_ms);
  given_up_.erase(found);
  return settled;
}

std::optional<Places::GivenUp> Places::expire(uint64_t now_ms) {
  if (given_up_.empty() || now_ms < given_up_.front().since_ms + kGivenUpPlaceMs) return {};
  const GivenUp oldest = given_up_.front();
  count_held(oldest.ordered_ms, now_ms);
  given_up_.pop_front();
  return oldest;
}

std::optional<uint64_t> Places::expires_at_ms() const {
  if (given_up_.empty()) return {};
  return given_up_.front().since_ms + kGivenUpPlaceMs;
}

std::vector<Uuid> Places::forget_given_up() {
  std::vector<Uuid> attempts;
  for (const GivenUp& one : given_up_) attempts.push_back(one.attempt);
  given_up_.clear();
  return attempts;
}

void Places::count_held(uint64_t ordered_ms, uint64_t now_ms) {
  const uint64_t held_ms = now_ms - ordered_ms;
  eighths_ms_ = eighths_ms_ == 0 ? 8 * held_ms : eighths_ms_ - eighths_ms_ / 8 + held_ms;
}

}  // namespace daphnis::broker

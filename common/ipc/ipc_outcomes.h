#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/request/outcome.h"

/// The outcomes that messages carry. Each field has a list of those that it can have, and on the
/// wire an outcome is its place in that list: new ones are only ever added at the end.
namespace daphnis::ipc {

/// How an attempt ended, as the worker that read its stream saw it.
inline constexpr std::array kAttemptOutcomes = {
    Outcome::kComplete,    Outcome::kNotFound,  Outcome::kLied,
    Outcome::kAborted,     Outcome::kStalled,   Outcome::kCancelled,
    Outcome::kHandOffLost, Outcome::kOvertaken, Outcome::kYielded,
};

/// Why the broker gives a fetch up (DESIGN 2, step 9).
inline constexpr std::array kFetchOutcomes = {
    Outcome::kNoL2,         Outcome::kL2sFailed,  Outcome::kSilent,
    Outcome::kNotFound,     Outcome::kOverloaded, Outcome::kDraining,
    Outcome::kPathNotFound, Outcome::kDenied,     Outcome::kDeniedLegally,
};

/// The outcome that a peer of that version is told instead: the same where it knows it.
[[nodiscard]] constexpr Outcome outcome_in(uint16_t version, Outcome outcome) {
  const bool is_new = outcome == Outcome::kPathNotFound || outcome == Outcome::kDenied ||
                      outcome == Outcome::kDeniedLegally;
  return version < 7 && is_new ? Outcome::kNotFound : outcome;
}

/// The place of `outcome` in one of these lists, where it must be.
template <size_t N>
[[nodiscard]] constexpr size_t place_in(const std::array<Outcome, N>& list, Outcome outcome) {
  const auto found = std::ranges::find(list, outcome);
  check(found != list.end(), "an outcome is none that this message can have");
  return static_cast<size_t>(found - list.begin());
}

}  // namespace daphnis::ipc

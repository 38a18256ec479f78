#pragma once

#include <string>

#include "l2/core/l1_session.h"
#include "tests/sim/edge/content.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// What an L2 makes of an order.
enum class Mood : uint8_t {
  kHonest,
  kSilent,     ///< Never answers.
  kStalls,     ///< Stops for ever in the middle, perhaps in its head.
  kLies,       ///< One bit of its CAR is flipped.
  kGarbles,    ///< One bit of anything it sends is flipped.
  kNotFound,   ///< Says that it does not have what it has.
  kCuts,       ///< Breaks off anywhere.
  kEndsEarly,  ///< Ends its body properly, but too early.
  kSaysMore,   ///< Goes on after the end of the CAR.
  kWrongId,    ///< Answers an id that nobody gave it.
  kTwice,      ///< Answers the same order two times.
};
inline constexpr Mood kMoodLast = Mood::kTwice;

/// All bytes of one answer to an order, and how it ends.
struct UploadPlan {
  enum class End : uint8_t {
    kWhole,
    kStall,  ///< Nothing more comes, the connection stands.
    kCut,    ///< The connection is dropped.
  };
  std::string bytes;
  End end = End::kWhole;
};

/// Writes a POST as a node of that generation does; the same order and mood give the same bytes but
/// for what chance decides.
[[nodiscard]] UploadPlan plan_upload(Scene& scene, const l2::Order& order,
                                     l2::Generation generation, Mood mood, BlockStore& store);

}  // namespace daphnis::sim

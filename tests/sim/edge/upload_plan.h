#pragma once

#include <string>

#include "l2/core/l1_session.h"
#include "tests/sim/edge/content.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// How an L2 treats an order.
enum class Mood : uint8_t {
  kHonest,
  kSilent,           ///< Never delivers.
  kLate,             ///< Delivers honestly, but begins only after a while.
  kStalls,           ///< Stops for ever in the middle, perhaps in its head.
  kLies,             ///< One bit of its CAR is flipped.
  kGarbles,          ///< One bit of anything it sends is flipped.
  kNotFound,         ///< Says not-found although it holds the content.
  kCuts,             ///< Cuts its POST anywhere.
  kEndsEarly,        ///< Ends its body properly, but too early.
  kSaysMore,         ///< Goes on after the end of the CAR.
  kWrongId,          ///< Delivers for an id that no order had.
  kTwice,            ///< Delivers for the same order twice.
  kCountsOtherwise,  ///< Says that it skips another number of blocks than it was asked to.
  kBeginsElsewhere,  ///< Skips other blocks than it says.
};
inline constexpr Mood kMoodLast = Mood::kBeginsElsewhere;

/// All bytes of one delivery, and how it ends.
struct UploadPlan {
  enum class End : uint8_t {
    kWhole,
    kStall,  ///< Nothing more comes, and the connection stays open.
    kCut,    ///< The connection is dropped.
  };
  std::string bytes;
  End end = End::kWhole;
  bool skips = false;  ///< It leaves out the blocks that the order says, and is honest.
};

/// What an L2 can do.
struct Skill {
  l2::Generation generation = l2::Generation::kV2;
  bool skips = true;  ///< It reads an order's `skip` and `next`. Only where it speaks v2.
};

/// Writes a POST as a node of that skill does. Only chance makes two POSTs for the same order and
/// mood differ.
[[nodiscard]] UploadPlan plan_upload(Scene& scene, const l2::Order& order, const Skill& skill,
                                     Mood mood, BlockStore& store);

/// Writes the POST by which an L2 says that an order was cancelled before it began to deliver.
[[nodiscard]] UploadPlan plan_acknowledgement(Scene& scene, const l2::Order& order);

}  // namespace daphnis::sim

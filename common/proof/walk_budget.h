#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/limits.h"
#include "common/denylist/denylist.h"
#include "common/ipld/hashes.h"

namespace daphnis {

/// Bounds of one walk, one verification or one production, whether sha1 is accepted, and what may
/// not be served. A refusal names the bound that was passed.
struct WalkBudget {
  size_t depth_max = limits::kWalkDepthMax;                 ///< Nodes from root to leaf.
  size_t pending_bytes_max = limits::kWalkPendingBytesMax;  ///< Links read but not yet visited.
  size_t seen_bytes_max = limits::kWalkSeenBytesMax;        ///< The set of visited links.
  uint64_t output_bytes_max = limits::kOutputBytesMax;      ///< The output of one request.
  size_t repeat_bytes_max = limits::kRepeatBytesMax;        ///< Proven bytes kept to repeat them.
  Sha1 sha1 = Sha1::kRefused;
  /// A walk fails before a block that this list denies. It must outlive the walk. Null: none.
  const Denylist* denylist = nullptr;
};

}  // namespace daphnis

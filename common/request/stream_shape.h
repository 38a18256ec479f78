#pragma once

#include <cstdint>

namespace daphnis {

/// What an L2 sends for a request (DESIGN 3.1).
enum class StreamShape : uint8_t {
  kExact,     ///< From a v2 L2: just the blocks asked for (with dups=y it may still omit repeats).
  kWholeDag,  ///< From a legacy L2: the whole DAG below the root, depth-first, repeats omitted.
};

}  // namespace daphnis

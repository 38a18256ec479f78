#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// Where spools outside the cache go when nobody named a folder for them.
struct SpoolPlace {
  std::string dir;    ///< Made, and ours alone; empty: there is none, and the edge does without.
  std::string lack;   ///< Why it is not the place asked for; empty: it is.
  daphnis::uv::UniqueFd lock;  ///< As long as it lives nobody else takes the folder for a left one.
};

/// Takes the folder `base`, under /dev/shm the same for one socket in every life of its broker.
/// Anybody may have made that name before us, so where it is not ours, or another broker has it, a
/// folder beside it with "-" and 16 hex digits of `random` added is made instead. What earlier
/// brokers left in such folders goes, unless a living worker still writes it. Blocks.
[[nodiscard]] SpoolPlace take_spool_place(const std::string& base,
                                          const std::function<uint64_t()>& random);

}  // namespace daphnis::broker::uv

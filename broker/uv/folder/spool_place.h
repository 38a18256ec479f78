#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// The folder for spools outside the cache where the operator has named none.
struct SpoolPlace {
  std::string dir;             ///< Our own folder; empty: there is none, and no such spools.
  std::string lack;            ///< Why `dir` is not `base`; empty: it is.
  daphnis::uv::UniqueFd lock;  ///< While it lives, no other broker removes the folder.
};

/// Takes the folder `base`, which is under /dev/shm and the same at each start of a broker on one
/// socket. Anybody may have made a file of that name, so where it is not our own folder, or another
/// broker has it, a folder beside it with "-" and 16 hex digits of `random` added is made instead.
/// Such folders of earlier brokers are removed, with all files that no living worker writes.
/// Blocks.
[[nodiscard]] SpoolPlace take_spool_place(const std::string& base,
                                          const std::function<uint64_t()>& random);

}  // namespace daphnis::broker::uv

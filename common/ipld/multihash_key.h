#pragma once

#include <cstdint>

#include "common/base/hash64.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// The key of a CID on the ring, in the holdings, and among the links of proven blocks: the hash of
/// its multihash, so that a v0 CID and its v1 twin have the same. All processes agree on it.
[[nodiscard]] inline uint64_t key_of_multihash(const Cid& cid) {
  return hash64(cid.multihash());
}

}  // namespace daphnis

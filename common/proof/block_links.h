#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/slice.h"

namespace daphnis {

/// Links of one block that are named; further ones are left out.
inline constexpr size_t kBlockLinksMax = 1'024;

/// The keys (key_of_multihash) of a block's links, in encoded order, at most kBlockLinksMax. Links
/// with an identity CID are left out, since nobody fetches their blocks, and so are those that are
/// no CIDs. Empty where blocks of the codec have no links, and where the block does not decode as
/// far as it is read.
[[nodiscard]] std::vector<uint64_t> keys_of_links(uint64_t codec, std::span<const Slice> block);

}  // namespace daphnis

#pragma once

#include <optional>

#include "common/cachefile/cache_file.h"
#include "common/denylist/deny_table.h"

namespace daphnis {

/// Why a cached file may not be served by that list: what its request asks for is denied, or one of
/// the blocks that its trailer lists. nullopt: it may, where the trailer lists any (a file whose
/// list would have been too long has none, and nobody knows).
[[nodiscard]] std::optional<Denial> denial_of(const CacheTrailer& trailer, const DenyTable& table);

}  // namespace daphnis

#pragma once

#include <cstdint>

#include "common/cachefile/cache_file.h"

namespace daphnis::broker {

/// Bytes of a file's end that suffice for almost every root_of_tail(), and those that always do.
inline constexpr size_t kTailBytes = 4 * limits::kKiB;
inline constexpr size_t kTailBytesMax = limits::kCacheRequestBytesMax + kCacheFooterBytes;

/// The root of the request that a cached file answers. `tail` is the end of the file, `file_bytes`
/// its whole size, `key` the key in its name, which must be that of the request. Errors: kTruncated
/// (more of the file's end is needed), kMalformed, kUnsupported, kUnexpected (the request has
/// another key).
[[nodiscard]] Result<Cid> root_of_tail(Bytes tail, uint64_t file_bytes, const RequestKey& key);

}  // namespace daphnis::broker

#pragma once

#include <cstdint>

#include "common/cachefile/cache_file.h"

namespace daphnis::broker {

/// Bytes of a file's end that answer almost every root_of_tail(), and those that answer all.
inline constexpr size_t kTailBytes = 4 * limits::kKiB;
inline constexpr size_t kTailBytesMax = limits::kCacheRequestBytesMax + kCacheFooterBytes;

/// The root of the request that a cached file of `file_bytes`, which ends with `tail`, answers. The
/// file's name must be that request's key, so the request is as it was written. Errors: kTruncated
/// (more of the file's end is needed), kMalformed, kUnsupported, kUnexpected (another request's).
[[nodiscard]] Result<Cid> root_of_tail(Bytes tail, uint64_t file_bytes, const RequestKey& key);

}  // namespace daphnis::broker

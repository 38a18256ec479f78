#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/base/slice.h"
#include "common/cachefile/cache_file.h"
#include "worker/base/files.h"
#include "worker/base/ids.h"
#include "worker/cache/block_index.h"

namespace daphnis::worker {

/// A file of the cache: one whole, proven answer. Small ones are held in memory instead of open.
struct CachedFile {
  FileRef file = {};  ///< Null where `body` holds the answer.
  Slice body = {};    ///< All of the answer where it has at most kOpenFileBodyBytesMax.
  CacheFooter footer = {};
  int64_t stored_s = 0;      ///< When it was stored, in seconds since 1970.
  BlockIndexRef index = {};  ///< Null until somebody needed it.
};

/// What a look-up has come to.
struct CacheLook {
  enum class Outcome : uint8_t {
    kFound,
    kMissing,     ///< There is no such file, or none can be opened at the moment.
    kCorrupt,     ///< It is not what it says it is.
    kUnreadable,  ///< The system could not read it.
  };
  Outcome outcome = Outcome::kMissing;
  CachedFile file = {};     ///< Of kFound.
  std::string detail = {};  ///< Of a fault.
};

/// What a file was read for: part of its body, or its blocks' places.
struct CacheRead {
  enum class Outcome : uint8_t {
    kDone,
    kCorrupt,      ///< It is not what it says it is.
    kUnreadable,   ///< The system could not read it.
    kUnavailable,  ///< No fault: the disk took too long, or there is no list.
  };
  Outcome outcome = Outcome::kUnreadable;
  Slice bytes = {};          ///< Of a read().
  BlockIndexRef index = {};  ///< Of an index_of().
  std::string detail = {};   ///< Of a fault.
};

/// Reads the cache's folder, at once where the system holds what is asked for in memory, else in a
/// thread. Implemented by the shell, which outlives the Worker's use of it. Answers that come later
/// are the Worker's on_cache_look() and on_cache_read(), with the number the question had.
class CacheReads {
 public:
  /// Where the cache is from now on, and the memory of its CountingBloomFilter (Welcome). No
  /// folder: all look-ups miss. No memory, or none that can be had: all are looked for on the disk.
  virtual void set_folder(const std::string& folder, const std::string& filter) = 0;

  enum class When : uint8_t { kNow, kLater };
  /// Opens the key's file; trusts its footer where the sizes add up. `next` may be looked up if it
  /// is missing: one that waits for the disk waits for their names too, so that they need not.
  [[nodiscard]] virtual When look_up(const RequestKey& key, std::span<const RequestKey> next,
                                     CacheQueryId id, CacheLook& out) = 0;
  /// Reads `size` bytes at `offset` into a buffer of their own.
  [[nodiscard]] virtual When read(const FileRef& file, uint64_t offset, size_t size,
                                  CacheQueryId id, CacheRead& out) = 0;
  /// Reads the trailer of an open file.
  [[nodiscard]] virtual When index_of(const CachedFile& file, CacheQueryId id, CacheRead& out) = 0;

 protected:
  ~CacheReads() = default;
};

}  // namespace daphnis::worker

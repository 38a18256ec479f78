#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/slice.h"
#include "common/cachefile/cache_file.h"
#include "common/denylist/deny_table.h"
#include "worker/base/files.h"
#include "worker/base/ids.h"
#include "worker/cache/block_index.h"

namespace daphnis::worker {

/// A file of the cache: one whole, proven answer. The body of a small one is held in memory, so
/// that its file need not stay open.
struct CachedFile {
  FileRef file = {};  ///< The open file; null where `body` holds the answer.
  Slice body = {};    ///< The whole answer where it has at most kOpenFileBodyBytesMax bytes.
  CacheFooter footer = {};
  int64_t stored_s = 0;      ///< The time of storing, in seconds since 1970.
  BlockIndexRef index = {};  ///< The index of the file's blocks; null until it was needed once.
};

/// The result of a look-up.
struct CacheLook {
  enum class Outcome : uint8_t {
    kFound,
    kMissing,     ///< There is no such file, or none can be opened at the moment.
    kCorrupt,     ///< The file's bytes contradict its footer or checksums.
    kUnreadable,  ///< The system could not read the file.
    kDenied,      ///< It has a block that may not be served.
    kUnchecked,   ///< Nobody can say what blocks it has, since it keeps no list of them.
  };
  Outcome outcome = Outcome::kMissing;
  CachedFile file = {};     ///< The file, for kFound.
  Denial denial = {};       ///< For kDenied.
  std::string detail = {};  ///< A description, for kCorrupt and kUnreadable.
};

/// The result of reading part of a file's body, or its index of blocks.
struct CacheRead {
  enum class Outcome : uint8_t {
    kDone,
    kCorrupt,      ///< The file's bytes contradict its footer or checksums.
    kUnreadable,   ///< The system could not read the file.
    kUnavailable,  ///< The disk took too long, or the file keeps no list of blocks; no fault.
  };
  Outcome outcome = Outcome::kUnreadable;
  Slice bytes = {};          ///< The bytes that read() asked for.
  BlockIndexRef index = {};  ///< The index that index_of() asked for.
  std::string detail = {};   ///< A description, for kCorrupt and kUnreadable.
};

/// Reads the cache's folder: within the call where the system holds what is asked for in memory,
/// else in a thread. Implemented by the shell, which outlives the Worker's use of it. Later results
/// are passed to Worker::on_cache_look() and on_cache_read() with the query's number.
class CacheReads {
 public:
  /// Sets the cache's folder and the name of the shared memory of its CountingBloomFilter (both
  /// from Welcome). An empty folder makes all look-ups miss. Without a filter that can be opened,
  /// every look-up asks the disk.
  virtual void set_folder(const std::string& folder, const std::string& filter) = 0;

  /// Sets the list by which a file's blocks are judged when it is opened. Null: they are not.
  virtual void set_denylist(std::shared_ptr<const DenyTable> table) = 0;

  enum class When : uint8_t { kNow, kLater };
  /// Opens the key's file, and trusts its footer where the sizes add up. `next` are the keys that
  /// may be looked up if this file is missing: a look-up that waits for the disk reads their names
  /// too, so that theirs need not wait.
  [[nodiscard]] virtual When look_up(const RequestKey& key, std::span<const RequestKey> next,
                                     CacheQueryId id, CacheLook& out) = 0;
  /// Reads `size` bytes at `offset` into a buffer that nothing else uses.
  [[nodiscard]] virtual When read(const FileRef& file, uint64_t offset, size_t size,
                                  CacheQueryId id, CacheRead& out) = 0;
  /// Reads the trailer of an open file and makes its index.
  [[nodiscard]] virtual When index_of(const CachedFile& file, CacheQueryId id, CacheRead& out) = 0;

 protected:
  ~CacheReads() = default;
};

}  // namespace daphnis::worker

#pragma once

#include <cstdint>
#include <string>

#include "common/core/cache_file.h"
#include "common/core/slice.h"
#include "worker/core/files.h"

namespace daphnis::worker {

/// A file of the cache: one whole, proven answer. Small ones are held in memory instead of open.
struct CachedFile {
  FileRef file = {};  ///< Null where `body` holds the answer.
  Slice body = {};    ///< All of the answer where it has at most kHotBodyBytesMax.
  CacheFooter footer = {};
  int64_t stored_s = 0;  ///< When it was stored, in seconds since 1970.
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

/// Part of a file in memory.
struct CacheBytes {
  bool is_read = false;
  Slice bytes = {};
  int error = 0;  ///< Of errno, where it was not read; 0: the file is too short.
};

/// Reads the cache's folder, at once where the system holds what is asked for in memory, else in a
/// thread. Implemented by the shell, which outlives the Worker's use of it. Answers that come later
/// are the Worker's on_cache_look() and on_cache_read(), with the number the question had.
class CacheReads {
 public:
  /// Where the cache is from now on (Welcome). Empty: nowhere, and all look-ups miss.
  virtual void set_folder(const std::string& folder) = 0;

  enum class When : uint8_t { kNow, kLater };
  /// Opens the key's file; trusts its footer where the sizes add up.
  [[nodiscard]] virtual When look_up(const RequestKey& key, uint64_t id, CacheLook& out) = 0;
  /// Reads `size` bytes at `offset` into a buffer of their own.
  [[nodiscard]] virtual When read(const FileRef& file, uint64_t offset, size_t size, uint64_t id,
                                  CacheBytes& out) = 0;

 protected:
  ~CacheReads() = default;
};

}  // namespace daphnis::worker

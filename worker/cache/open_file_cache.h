#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstring>
#include <list>

#include "worker/cache/cache_reads.h"

namespace daphnis::worker {

/// A hash of a request key. The key is part of a cryptographic hash, so its first bytes serve.
struct RequestKeyHash {
  size_t operator()(const RequestKey& key) const {
    size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};
template <class Value>
using RequestKeyMap = absl::flat_hash_map<RequestKey, Value, RequestKeyHash>;

/// The cached files that were asked for last, open or in memory: at most kOpenFilesMax descriptors,
/// kOpenFileBodiesBytesMax of bodies (the entries' own memory included) and
/// kOpenFileIndexesBytesMax of indexes. Owned by the Cache.
class OpenFileCache {
 public:
  /// The file; null where it is not here. Valid until the next call of another function.
  [[nodiscard]] const CachedFile* find(const RequestKey& key);
  /// Adds or replaces a file, and drops those that were not asked for longest while a bound is
  /// exceeded.
  const CachedFile& add(const RequestKey& key, CachedFile file);
  /// Keeps the index with its file, if that is still here, and drops indexes of files that were not
  /// asked for longest while the bound is exceeded.
  void set_index(const RequestKey& key, BlockIndexRef index);
  void drop(const RequestKey& key);
  void clear();

  [[nodiscard]] size_t size() const { return table_.size(); }
  [[nodiscard]] size_t files() const { return files_; }
  [[nodiscard]] size_t body_bytes() const { return body_bytes_; }

 private:
  struct Entry {
    RequestKey key;
    CachedFile file;
  };
  using Entries = std::list<Entry>;  ///< The file that was asked for last is in front.

  void put_out(Entries::iterator entry);
  void drop_index(CachedFile& file);

  Entries entries_;
  RequestKeyMap<Entries::iterator> table_;
  size_t files_ = 0;
  size_t body_bytes_ = 0;
  size_t index_bytes_ = 0;
};

}  // namespace daphnis::worker

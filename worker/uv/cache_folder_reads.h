#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/cachefile/counting_bloom_filter.h"
#include "common/uv/loop.h"
#include "common/uv/pool_task.h"
#include "common/uv/shared_memory.h"
#include "worker/cache/cache_reads.h"

namespace daphnis::worker::uv {

/// Reads the cache's folder: on the loop where the system holds what is asked for in memory,
/// directory entries included, else in the thread pool. Owned by the Shell.
///
/// Where `verifies` is set, all bytes of a body are checked by the file's checksums (piece_sums.h),
/// if it keeps any, each time they are read here or sent (file_sender.h).
class CacheFolderReads final : public CacheReads {
 public:
  struct Events {
    std::function<void(CacheQueryId id, CacheLook look)> on_look;
    std::function<void(CacheQueryId id, CacheRead read)> on_read;
  };

  CacheFolderReads(daphnis::uv::Loop& loop, Events events, bool verifies = false);

  void set_folder(const std::string& folder, const std::string& filter) override;
  void set_denylist(std::shared_ptr<const DenyTable> table) override { table_ = std::move(table); }
  [[nodiscard]] When look_up(const RequestKey& key, std::span<const RequestKey> next,
                             CacheQueryId id, CacheLook& out) override;
  [[nodiscard]] When read(const FileRef& file, uint64_t offset, size_t size, CacheQueryId id,
                          CacheRead& out) override;
  [[nodiscard]] When index_of(const CachedFile& file, CacheQueryId id, CacheRead& out) override;

 private:
  [[nodiscard]] std::string path_of(const RequestKey& key) const;
  /// Does `work` in the thread pool, then `done` on the loop.
  void start(CacheQueryId id, std::function<void()> work, std::function<void()> done);

  daphnis::uv::Loop& loop_;
  Events events_;
  std::string folder_;
  bool verifies_;
  std::shared_ptr<const DenyTable> table_;             ///< Null: files need not be judged.
  std::unique_ptr<daphnis::uv::SharedMemory> memory_;  ///< The memory of filter_.
  std::optional<CountingBloomFilter> filter_;
  absl::flat_hash_map<CacheQueryId, std::unique_ptr<daphnis::uv::PoolTask>> tasks_;
};

}  // namespace daphnis::worker::uv

#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/cache_types.h"
#include "broker/base/context.h"
#include "common/ipc/ipc_cache.h"

namespace daphnis::broker {

/// What was taken from the cache or given up by a spool and may still be open somewhere. A deferred
/// free begins with files that the folder is to unlink, or with the file of a spool that is gone;
/// then the workers that may have it open are told, and when all have confirmed or are gone, the
/// bytes are free. Owned by the cache.
class DeferredFrees {
 public:
  /// Room that is free now: of an index's deferred_free, or of a spool.
  struct Freed {
    uint64_t index_free = 0;  ///< 0: of a spool.
    SpoolId spool{};
    ipc::SpoolPlace place = ipc::SpoolPlace::kCache;
    uint64_t bytes = 0;
  };

  /// The random number keeps what a worker has left to say to an earlier broker apart.
  explicit DeferredFrees(Context& context);

  /// Orders the files of these keys to be unlinked. `index_free` may be 0: nothing is charged.
  void add(uint64_t index_free, std::vector<RequestKey> keys);
  /// The file of a spool, unlinked already, which `readers` know by `path`.
  void add(const Freed& spool, const std::string& path, const std::vector<WorkerId>& readers);
  /// Orders the file of a spool to be unlinked; the rest is as above.
  void add_linked(const Freed& spool, const std::string& path,
                  const std::vector<WorkerId>& readers);

  /// The folder has carried the order out: `workers`, all that are connected, are told of files of
  /// the cache, and its readers of a spool.
  void on_files_unlinked(uint64_t deferred_free, const std::vector<WorkerId>& workers);
  /// A worker has no descriptor of its files any more. Unknown deferred frees are ignored: a worker
  /// outlives brokers.
  void on_confirmed(uint64_t deferred_free, WorkerId worker);
  void on_worker_gone(WorkerId worker);

  /// What has become free since the last call.
  [[nodiscard]] std::vector<Freed> take_freed() { return std::exchange(freed_, {}); }
  [[nodiscard]] size_t size() const { return deferred_frees_.size(); }

 private:
  struct DeferredFree {
    Freed freed;
    std::vector<RequestKey> keys;  ///< Until the workers are told.
    std::string path = {};         ///< Instead: of a spool.
    bool is_unlinked = false;
    absl::btree_set<WorkerId> open_at;
  };
  using Table = absl::flat_hash_map<uint64_t, DeferredFree>;

  /// True where the deferred free was over and is erased.
  bool end_if_over(Table::iterator deferred_free);

  Context& context_;
  uint64_t last_ = 0;
  Table deferred_frees_;
  absl::flat_hash_map<uint64_t, size_t> parts_left_;  ///< By the index's deferred_free.
  std::vector<Freed> freed_;
};

}  // namespace daphnis::broker

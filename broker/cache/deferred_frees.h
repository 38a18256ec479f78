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

/// The deferred frees: files of the cache or of spools that are unlinked, or are about to be, while
/// workers may still have them open. First the folder unlinks the files, where the worker has not
/// done so; then the workers that may have them open are told; once each of these has confirmed or
/// is gone, the bytes are free. Owned by the cache.
class DeferredFrees {
 public:
  /// Bytes that are free now: those of an Evicted of the index, or of a spool.
  struct Freed {
    uint64_t index_free = 0;  ///< The Evicted's number; 0: the bytes are a spool's.
    SpoolId spool{};
    ipc::SpoolPlace place = ipc::SpoolPlace::kCache;
    uint64_t bytes = 0;
  };

  /// Numbers begin at a random one, so that a worker's confirmation for an earlier broker matches
  /// none of them.
  explicit DeferredFrees(Context& context);

  /// Lets the folder unlink the files of these keys. `index_free` is the Evicted's number; 0: no
  /// bytes are charged for them.
  void add(uint64_t index_free, std::vector<RequestKey> keys);
  /// Adds the file of a spool that is unlinked already and that `readers` know by `path`.
  void add(const Freed& spool, const std::string& path, const std::vector<WorkerId>& readers);
  /// Adds the file of a spool that the folder has to unlink first.
  void add_linked(const Freed& spool, const std::string& path,
                  const std::vector<WorkerId>& readers);

  /// The folder has unlinked the files. Cached files are told to `workers`, which are all that are
  /// connected; a spool is told to its readers.
  void on_files_unlinked(uint64_t deferred_free, const std::vector<WorkerId>& workers);
  /// A worker has closed the files. An unknown number is ignored, since it may be an earlier
  /// broker's.
  void on_confirmed(uint64_t deferred_free, WorkerId worker);
  void on_worker_gone(WorkerId worker);

  /// Takes out the bytes that have become free since the last call.
  [[nodiscard]] std::vector<Freed> take_freed() { return std::exchange(freed_, {}); }
  [[nodiscard]] size_t size() const { return deferred_frees_.size(); }

 private:
  struct DeferredFree {
    Freed freed;
    std::vector<RequestKey> keys;  ///< Cached files, until the workers are told.
    std::string path = {};         ///< The file of a spool; empty: cached files.
    bool is_unlinked = false;
    absl::btree_set<WorkerId> open_at;  ///< Workers that have not confirmed.
  };
  using Table = absl::flat_hash_map<uint64_t, DeferredFree>;

  /// Erases the deferred free where it is over; true then.
  bool end_if_over(Table::iterator deferred_free);

  Context& context_;
  uint64_t last_ = 0;
  Table deferred_frees_;
  absl::flat_hash_map<uint64_t, size_t> parts_left_;  ///< Unlink tasks left for an index_free.
  std::vector<Freed> freed_;
};

}  // namespace daphnis::broker

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

/// What was taken from the cache or given up by a spool and may still be open somewhere. A doom
/// begins with files that the folder is to unlink, or with the file of a spool that is gone; then
/// the workers that may have it open are told, and when all have confirmed or are gone, the bytes
/// are free. Owned by the cache.
class Dooms {
 public:
  /// Room that is free now: of an index's doom, or of a spool.
  struct Freed {
    uint64_t index_doom = 0;  ///< 0: of a spool.
    SpoolId spool{};
    ipc::SpoolPlace place = ipc::SpoolPlace::kCache;
    uint64_t bytes = 0;
  };

  /// The random number keeps what a worker has left to say to an earlier broker apart.
  explicit Dooms(Context& context);

  /// Orders the files of these keys to be unlinked. `index_doom` may be 0: nothing is charged.
  void add(uint64_t index_doom, std::vector<RequestKey> keys);
  /// The file of a spool, unlinked already, which `readers` know by `path`.
  void add(const Freed& spool, const std::string& path, const std::vector<WorkerId>& readers);
  /// Orders the file of a spool to be unlinked; the rest is as above.
  void add_linked(const Freed& spool, const std::string& path,
                  const std::vector<WorkerId>& readers);

  /// The folder has carried the order out: `workers`, all that are connected, are told of files of
  /// the cache, and its readers of a spool.
  void on_files_unlinked(uint64_t doom, const std::vector<WorkerId>& workers);
  /// A worker has no descriptor of the doom's files any more. Unknown dooms are ignored: a worker
  /// outlives brokers.
  void on_confirmed(uint64_t doom, WorkerId worker);
  void on_worker_gone(WorkerId worker);

  /// What has become free since the last call.
  [[nodiscard]] std::vector<Freed> take_freed() { return std::exchange(freed_, {}); }
  [[nodiscard]] size_t size() const { return dooms_.size(); }

 private:
  struct Doom {
    Freed room;
    std::vector<RequestKey> keys;  ///< Until the workers are told.
    std::string path = {};         ///< Instead: of a spool.
    bool is_unlinked = false;
    absl::btree_set<WorkerId> open_at;
  };
  using Table = absl::flat_hash_map<uint64_t, Doom>;

  /// True where the doom was over and is erased.
  bool end_if_over(Table::iterator doom);

  Context& context_;
  uint64_t last_ = 0;
  Table dooms_;
  absl::flat_hash_map<uint64_t, size_t> parts_left_;  ///< By the index's doom.
  std::vector<Freed> freed_;
};

}  // namespace daphnis::broker

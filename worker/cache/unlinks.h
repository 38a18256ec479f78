#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "common/ipc/ipc_cache.h"
#include "worker/base/files.h"
#include "worker/cache/open_file_cache.h"

namespace daphnis::worker {

/// Knows which files are still in use, so that the broker can be told when a file it unlinked takes
/// no space any more. Whoever opens a file of the cache, or somebody else's spool, has it watched;
/// nobody has to say when he is done. Owned by the Worker.
class Unlinks {
 public:
  /// Whatever must have gone before the file counts as closed: the file itself, or a token of who
  /// is about to open it.
  using Use = std::shared_ptr<const void>;

  void watch(const RequestKey& key, const Use& use);
  void watch(const std::string& path, const Use& use);

  /// The broker's message. What this worker can do without of those files is to be dropped before
  /// the next take_done().
  void on_unlink(const ipc::Unlink& unlink);
  /// The deferred frees of which nothing is in use any more, once each.
  [[nodiscard]] std::vector<ipc::Unlinked> take_done();
  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  /// The broker has gone, and its messages with it.
  void forget_pending() { pending_.clear(); }

 private:
  using Uses = std::vector<std::weak_ptr<const void>>;
  struct Pending {
    uint64_t deferred_free;
    Uses uses;
  };

  void sweep();

  RequestKeyMap<Uses> keys_;
  absl::flat_hash_map<std::string, Uses> paths_;
  size_t sweep_at_ = 64;  ///< Watched names worth looking for those that are out of use.
  std::vector<Pending> pending_;
};

}  // namespace daphnis::worker

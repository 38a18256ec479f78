#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "common/ipc/ipc_cache.h"
#include "worker/base/files.h"
#include "worker/cache/open_file_cache.h"

namespace daphnis::worker {

/// Knows which files are still in use, so that the broker can be told when a file that it unlinked
/// takes no more space on the disk. Every file of the cache, and every spool of another worker, is
/// watched by its name when it is opened; its end of use shows when the last reference goes. Owned
/// by the Cache.
class Unlinks {
 public:
  /// An object that must be gone before the file counts as closed: the file itself, or a token of a
  /// caller that is about to open it.
  using Use = std::shared_ptr<const void>;

  void watch(const RequestKey& key, const Use& use);
  void watch(const std::string& path, const Use& use);

  /// Takes the broker's message. References that the worker can drop must be dropped before the
  /// next take_done().
  void on_unlink(const ipc::Unlink& unlink);
  /// The deferred frees whose files are out of use, each reported once.
  [[nodiscard]] std::vector<ipc::Unlinked> take_done();
  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  /// The broker is gone, and its deferred frees with it.
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
  size_t sweep_at_ = 64;  ///< The number of watched names at which sweep() runs again.
  std::vector<Pending> pending_;
};

}  // namespace daphnis::worker

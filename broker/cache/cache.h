#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/base/context.h"
#include "broker/cache/cache_index.h"
#include "broker/cache/deferred_frees.h"

namespace daphnis::broker {

/// The broker's books of the cache and of all spools: what is held, what was promised to whom, what
/// is unlinked and may still be open. Never lets the bytes charged pass the limit, except by what
/// workers held before (SpoolHeld) or by a limit that is lowered. Owned by the broker; speaks to
/// workers by messages and to the folder by orders.
///
/// Without a cache folder only spools of the spool folder are kept account of.
class Cache {
 public:
  explicit Cache(Context& context);

  /// Memory that workers can map under that path. Before there is any worker.
  void set_filter(const CountingBloomFilter& filter, std::string path);
  [[nodiscard]] const std::string& filter_path() const { return filter_path_; }

  // --- For fetches ---
  /// A client's request reached the broker.
  void on_request(const RequestKey& key);
  /// A worker that looks for the key's file will find it.
  [[nodiscard]] bool holds(const RequestKey& key) const;
  /// The key's file is about to get its name.
  [[nodiscard]] bool is_storing(const RequestKey& key) const {
    return storing_by_key_.contains(key);
  }
  [[nodiscard]] ipc::Admission admission(const RequestKey& key) const;
  /// `reader` was told of the spool at `path`, so its bytes stay charged until that worker lets go.
  void share(WorkerId owner, const std::string& path, WorkerId reader);
  /// Keys whose storing has ended, well or not, since the last call.
  [[nodiscard]] std::vector<RequestKey> take_ended_stores() {
    return std::exchange(ended_stores_, {});
  }
  /// A path of a spool of ours, as FetchProgress may name it.
  [[nodiscard]] bool is_spool_path(std::string_view path) const;

  // --- From workers; false: the message makes no sense ---
  void on_worker(WorkerId id, uint32_t index, uint32_t pid);
  void on_worker_gone(WorkerId id, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::SpoolReserve& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::SpoolHeld& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::SpoolDone& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::SpoolGone& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::CacheHits& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::CacheFault& message, uint64_t now_ms);
  [[nodiscard]] bool on_message(WorkerId id, const ipc::Unlinked& message, uint64_t now_ms);

  // --- From the folder ---
  void on_folder(const FolderEvent& event, uint64_t now_ms);

  // --- Time ---
  void on_reservation_timer(uint64_t now_ms);
  /// Once a second; expires a little once a minute.
  void on_second(uint64_t now_ms);

  // --- The operator (cache_operator.cc) ---
  struct Removed {
    size_t entries = 0;
    uint64_t bytes = 0;
  };
  /// Every entry below this root, whatever the CID's version. What is being fetched is not meant.
  Removed purge(const Cid& root);
  Removed purge_all();
  void set_limit(uint64_t bytes);

  // --- To look at ---
  [[nodiscard]] bool exists() const { return index_ != nullptr; }
  /// There is a cache and its folder takes files.
  [[nodiscard]] bool is_up() const { return index_ && is_folder_up_; }
  [[nodiscard]] const CacheIndex* index() const { return index_.get(); }
  [[nodiscard]] uint64_t spool_dir_bytes() const { return spool_dir_bytes_; }
  [[nodiscard]] size_t spools() const;
  [[nodiscard]] size_t deferred_frees() const { return deferred_frees_.size(); }
  /// Files that were hit and are to be proven.
  [[nodiscard]] size_t proofs_waiting() const { return proofs_.size() + (proving_ ? 1 : 0); }

 private:
  /// A temporary file of a worker that is open.
  struct Spool {
    ipc::SpoolPlace place = ipc::SpoolPlace::kCache;
    uint64_t bytes = 0;  ///< Promised.
    uint64_t asked = 0;  ///< Of a reservation not yet answered; 0: none.
    bool is_for_cache = false;
    std::string name;
    std::vector<WorkerId> readers;
    bool is_brought = false;  ///< From a broker before us, which alone knew all of its readers.
  };
  struct Peer {
    uint32_t index = 0;
    uint32_t pid = 0;
    absl::btree_map<uint64_t, Spool> spools;
  };
  struct Storing {
    RequestKey key{};
    std::string name;
  };
  struct Waiting {
    SpoolId spool;
    uint64_t until_ms = 0;
  };

  // cache_spools.cc
  [[nodiscard]] Spool* find(const SpoolId& id);
  void grant(const SpoolId& id, Spool& spool, uint64_t bytes);
  void refuse(const SpoolId& id);
  void wait(const SpoolId& id, Spool& spool, uint64_t bytes, uint64_t now_ms);
  void refuse_waiting();
  /// The spool is gone, its file too; or that is to be unlinked.
  void retire(const SpoolId& id, const Spool& spool);
  void retire_linked(const SpoolId& id, const Spool& spool);
  /// The workers that may have its file open.
  [[nodiscard]] std::vector<WorkerId> readers_of(const Spool& spool) const;
  [[nodiscard]] std::string path_of(ipc::SpoolPlace place, const std::string& name) const;
  void unlink_spool(ipc::SpoolPlace place, const std::string& name);
  void on_spool_failed(WorkerId id, uint32_t error, uint64_t now_ms);
  void refuse_done(const SpoolId& id, const ipc::SpoolDone& message, bool is_held);

  Removed remove(CacheIndex::Evicted&& evicted, uint64_t bytes_before);

  // cache_proofs.cc: what is hit is proven first.
  void want_proof(const RequestKey& key);
  void start_proof();
  void end_proof(const RequestKey& key, bool is_good);
  void forget_proof();

  // cache.cc
  /// Takes an entry out on account of its file.
  void drop(const RequestKey& key);
  void quarantine(const RequestKey& key, const std::string& why, std::string_view by);
  void on_event(const FileStored& event, uint64_t now_ms);
  void on_event(const FilesUnlinked& event, uint64_t now_ms);
  void on_event(const FilesFound& event, uint64_t now_ms);
  void on_event(const FileCorrupt& event, uint64_t now_ms);
  void on_event(const FileProven& event, uint64_t now_ms);
  void on_event(const FolderHealth& event, uint64_t now_ms);
  void defer_free(CacheIndex::Evicted&& evicted);
  /// Evicts for what waits, takes back what is free, grants what fits.
  void pump();

  Context& context_;
  std::unique_ptr<CacheIndex> index_;  ///< Null: there is no cache.
  std::string filter_path_;            ///< Empty: workers have to look at the disk.
  DeferredFrees deferred_frees_;
  bool is_folder_up_ = true;
  absl::btree_map<WorkerId, Peer> peers_;
  absl::flat_hash_map<SpoolId, Storing> storing_;
  absl::flat_hash_map<RequestKey, SpoolId> storing_by_key_;
  std::deque<RequestKey> proofs_;      ///< Wanted, in the order of their hits.
  std::optional<RequestKey> proving_;  ///< The one that was ordered.
  std::vector<RequestKey> ended_stores_;
  uint64_t failures_unsaid_ = 0;  ///< Spools that failed since the last line that told so.
  uint64_t failures_log_ms_ = 0;  ///< When the next such line may be written.
  std::deque<Waiting> waiting_;   ///< In the index's order.
  TimerSlot reservation_timer_;
  uint64_t expired_ms_ = 0;  ///< When expiry was looked at last.
  uint64_t spool_dir_bytes_ = 0;
};

}  // namespace daphnis::broker

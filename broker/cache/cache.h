#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/base/context.h"
#include "broker/cache/block_index.h"
#include "broker/cache/cache_index.h"
#include "broker/cache/deferred_frees.h"

namespace daphnis::broker {

/// The broker's account of the cache and of all spools: entries that are held, reservations of
/// spools, and deferred frees of files that may still be open. The bytes charged never pass the
/// limit, except by spools that workers held before (SpoolHeld) or after the limit was lowered.
/// Owned by the broker; speaks to workers by messages and to the folder by tasks.
///
/// Without a cache folder only the spools of the spool folder are kept account of.
class Cache {
 public:
  explicit Cache(Context& context);

  /// Takes the filter whose memory workers can map under `path`. Call it before the first worker.
  void set_filter(const CountingBloomFilter& filter, std::string path);
  [[nodiscard]] const std::string& filter_path() const { return filter_path_; }

  // --- For fetches ---
  /// Notes that a client's request reached the broker.
  void on_request(const RequestKey& key);
  /// True where a worker that looks for the key's file finds it.
  [[nodiscard]] bool holds(const RequestKey& key) const;
  /// True while the folder is renaming the key's file to its final name.
  [[nodiscard]] bool is_storing(const RequestKey& key) const {
    return storing_by_key_.contains(key);
  }
  /// The key of a cached file that seems to hold the block that answers the request; nullopt where
  /// none is known, where the answer is more than one block, or where hits are only counted.
  [[nodiscard]] std::optional<RequestKey> file_of_block(const CarRequest& request);
  /// Notes that the file that file_of_block() named does not hold the block.
  void on_block_lost(const Cid& cid);
  /// Whether the key's answer is worth writing to the cache.
  [[nodiscard]] ipc::Admission admission(const RequestKey& key) const;
  /// Notes that `reader` was told of the spool at `path`: the spool's bytes stay charged until that
  /// worker has closed it.
  void share(WorkerId owner, const std::string& path, WorkerId reader);
  /// Takes out the keys whose files were stored, or could not be, since the last call.
  [[nodiscard]] std::vector<RequestKey> take_ended_stores() {
    return std::exchange(ended_stores_, {});
  }
  /// True for a path that a FetchProgress may name: a spool in tmp/ or in the spool folder.
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

  /// Another list says what may be served: files are looked through for what it denies.
  void on_denylist();

  // --- Time ---
  void on_reservation_timer(uint64_t now_ms);
  /// Must be called once a second; each minute it removes up to kCacheExpireAtOnce expired entries.
  void on_second(uint64_t now_ms);

  // --- The operator (cache_operator.cc) ---
  struct Removed {
    size_t entries = 0;
    uint64_t bytes = 0;
  };
  /// Removes all entries of this root, whatever the CID's version. Fetches under way go on.
  Removed purge(const Cid& root);
  Removed purge_all();
  void set_limit(uint64_t bytes);

  // --- To look at ---
  [[nodiscard]] bool exists() const { return index_ != nullptr; }
  /// True where there is a cache and its folder takes files.
  [[nodiscard]] bool is_up() const { return index_ && is_folder_up_; }
  [[nodiscard]] const CacheIndex* index() const { return index_.get(); }
  /// Null where blocks of cached files are not known.
  [[nodiscard]] const BlockIndex* blocks() const { return blocks_.get(); }
  [[nodiscard]] uint64_t spool_dir_bytes() const { return spool_dir_bytes_; }
  [[nodiscard]] size_t spools() const;
  [[nodiscard]] size_t deferred_frees() const { return deferred_frees_.size(); }
  /// The number of files that were hit and are to be proven.
  [[nodiscard]] size_t proofs_waiting() const { return proofs_.size() + (proving_ ? 1 : 0); }

 private:
  /// A spool: a temporary file that a worker writes.
  struct Spool {
    ipc::SpoolPlace place = ipc::SpoolPlace::kCache;
    uint64_t bytes = 0;  ///< Reserved for it.
    uint64_t asked = 0;  ///< The bytes of its waiting reservation; 0: none waits.
    bool is_for_cache = false;
    std::string name;
    std::vector<WorkerId> readers;  ///< Other workers that were told of it.
    bool is_brought = false;        ///< By SpoolHeld; only an earlier broker knew its readers.
  };
  /// A worker and its spools.
  struct Peer {
    uint32_t index = 0;
    uint32_t pid = 0;
    absl::btree_map<uint64_t, Spool> spools;
  };
  /// A file that the folder is renaming.
  struct Storing {
    RequestKey key{};
    std::string name;
  };
  /// A reservation that waits until files are evicted.
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
  /// Defers the free of a spool that is gone and whose file its worker has unlinked.
  void retire(const SpoolId& id, const Spool& spool);
  /// Defers the free of a spool whose file is still to be unlinked.
  void retire_linked(const SpoolId& id, const Spool& spool);
  /// The workers that may have the spool's file open.
  [[nodiscard]] std::vector<WorkerId> readers_of(const Spool& spool) const;
  [[nodiscard]] std::string path_of(ipc::SpoolPlace place, const std::string& name) const;
  void unlink_spool(ipc::SpoolPlace place, const std::string& name);
  void on_spool_failed(WorkerId id, uint32_t error, uint64_t now_ms);
  void refuse_done(const SpoolId& id, const ipc::SpoolDone& message, bool is_held);

  Removed remove(CacheIndex::Evicted&& evicted, uint64_t bytes_before);

  // cache_proofs.cc: files that are hit are proven first.
  void want_proof(const RequestKey& key);
  void start_proof();
  void end_proof(const RequestKey& key, bool is_good);
  void forget_proof();

  // cache_blocks.cc: which file holds which block.
  void make_block_index();
  void know_blocks(const RequestKey& key, uint32_t stored_s, std::span<const BlockKey> blocks);
  void want_blocks(const RequestKey& key, uint32_t stored_s);
  void list_blocks();
  [[nodiscard]] const Uuid& block_secret();

  // cache_denials.cc
  void begin_sweep();
  void judge_next();
  void on_judged(const BlocksListed& event);
  void drop_denied(const RequestKey& key, const ipc::DeniedBy& by);

  // cache.cc
  /// Removes an entry whose file is missing or of no use.
  void drop(const RequestKey& key);
  void quarantine(const RequestKey& key, const std::string& why, std::string_view by);
  void on_event(const FileStored& event, uint64_t now_ms);
  void on_event(const FilesUnlinked& event, uint64_t now_ms);
  void on_event(const FilesFound& event, uint64_t now_ms);
  void on_event(const FileCorrupt& event, uint64_t now_ms);
  void on_event(const FileProven& event, uint64_t now_ms);
  void on_event(const BlocksListed& event, uint64_t now_ms);
  void on_event(const FolderHealth& event, uint64_t now_ms);
  void defer_free(CacheIndex::Evicted&& evicted);
  /// Releases the bytes of deferred frees that are over, evicts for the reservations that wait, and
  /// grants those that fit.
  void pump();

  Context& context_;
  std::unique_ptr<CacheIndex> index_;  ///< Null: there is no cache.
  std::string filter_path_;            ///< Empty: workers must ask the disk for each key.
  DeferredFrees deferred_frees_;
  bool is_folder_up_ = true;
  uint32_t stored_last_s_ = 0;  ///< The latest time of storing of all files so far.
  absl::btree_map<WorkerId, Peer> peers_;
  absl::flat_hash_map<SpoolId, Storing> storing_;
  absl::flat_hash_map<RequestKey, SpoolId> storing_by_key_;
  std::deque<RequestKey> proofs_;       ///< To be proven, in the order of their hits.
  std::optional<RequestKey> proving_;   ///< Given to the folder.
  std::unique_ptr<BlockIndex> blocks_;  ///< Null: no blocks are known.
  std::optional<Uuid> block_secret_;    ///< For the blocks' keys; made when it is first needed.
  /// A file whose blocks are not known yet, and when it was stored.
  using Unlisted = std::pair<uint32_t, RequestKey>;
  absl::btree_set<Unlisted> unlisted_;  ///< At most as many as blocks_ could take.
  std::optional<Unlisted> listing_;     ///< Given to the folder.
  bool is_sweeping_ = false;            ///< Files are looked through for what the list denies.
  uint64_t sweep_cursor_ = 0;           ///< Of the index, for the files that come next.
  std::vector<RequestKey> to_judge_;    ///< A part of them.
  std::optional<RequestKey> judging_;   ///< Given to the folder.
  uint64_t judged_ = 0;                 ///< Files, since the sweep began.
  std::vector<RequestKey> ended_stores_;
  uint64_t failures_unsaid_ = 0;  ///< Spools that failed since the last log line about it.
  uint64_t failures_log_ms_ = 0;  ///< The earliest time of the next such line.
  std::deque<Waiting> waiting_;   ///< In the same order as in the index.
  TimerSlot reservation_timer_;
  uint64_t expired_ms_ = 0;  ///< When entries were last expired.
  uint64_t spool_dir_bytes_ = 0;
};

}  // namespace daphnis::broker

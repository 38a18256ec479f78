#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/folder/folder_keeper.h"
#include "broker/uv/folder/folder_listing.h"
#include "broker/uv/folder/folder_lock.h"
#include "broker/uv/folder/folder_paths.h"
#include "broker/uv/folder/folder_scan.h"
#include "broker/uv/folder/folder_scrub.h"
#include "broker/uv/folder/folder_tasks.h"
#include "broker/uv/folder/snapshot_file.h"
#include "common/uv/loop.h"
#include "common/uv/pool_task.h"

namespace daphnis::broker::uv {

/// The cache's files: a FolderKeeper that says what is done and when, and here the work itself
/// (DESIGN 7): tasks, scans, scrubbing, lists of blocks, sweeps, probes and snapshots. Each of
/// these runs in libuv's thread pool, one step at a time, so a slow disk never blocks the loop.
/// Owned by the Shell; its events come from the loop, never from within add() or start_scan(). Its
/// end drops tasks that were not carried out; the scan of the next start makes up for them.
class CacheFolder final : private FolderDisk {
 public:
  struct Settings {
    std::string dir;        ///< Absolute; empty: no cache, and only spools are unlinked.
    std::string spool_dir;  ///< Absolute; empty: none.
    FolderPace pace = {};
  };
  using OnEvent = FolderKeeper::OnEvent;
  using EntrySource = FolderKeeper::EntrySource;  ///< Called on the loop.

  CacheFolder(daphnis::uv::Loop& loop, Settings settings, OnEvent on_event);
  ~CacheFolder();
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;

  /// Makes DIR/{objects/00..ff,tmp,quarantine} and the spool folder and takes the lock. Where the
  /// disk is in a trouble that may pass (full, read-only, …) it succeeds, reports
  /// FolderHealth{false} soon after, and tries again. Errors: kInvalid (the folder is in use by
  /// another edge, or somebody else's; the text says what to do), kSystem.
  [[nodiscard]] Result<void> open();
  /// Begins the first scan; call it once, after open(). FilesFound events report its entries, the
  /// last with is_last; without a cache folder none comes. A scan also follows each
  /// FolderHealth{true}.
  void start_scan();
  /// Adds a task. Tasks are carried out in the order in which they are added; at most
  /// kFolderTasksMax may be pending.
  void add(FolderTask task);

  /// Writes the snapshot DIR/index in the background, kSnapshotEntriesPerTurn entries a turn. Does
  /// nothing while an earlier one is being written, while the folder is down, and before the first
  /// scan is over.
  void save_snapshot(EntrySource source) { keeper_.save_snapshot(std::move(source)); }
  /// Writes the snapshot at once, for the broker's stop. Blocks. Errors: kSystem.
  [[nodiscard]] Result<void> write_snapshot(const EntrySource& source);

  [[nodiscard]] bool is_up() const { return keeper_.is_up(); }
  [[nodiscard]] bool is_scanning() const { return keeper_.is_scanning(); }
  [[nodiscard]] bool is_writing_snapshot() const { return keeper_.is_writing_snapshot(); }
  [[nodiscard]] size_t tasks_pending() const { return keeper_.tasks_pending(); }
  [[nodiscard]] const FolderCounts& counts() const { return keeper_.counts(); }

 private:
  void begin_round(std::vector<FolderTask> tasks) override;
  void continue_round() override;
  void probe(ProbeAfter after) override;
  void begin_scan() override;
  void continue_scan() override;
  void begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) override;
  void continue_scrub(std::vector<RequestKey> wanted) override;
  void let_go() override;
  void begin_listing(ListBlocks task) override;
  void continue_listing() override;
  void sweep() override;
  void append_snapshot(SnapshotPart part) override;

  /// Makes the cache's folders and takes the lock. Errors: as open().
  [[nodiscard]] Result<void> open_cache();
  /// Runs `work` in the thread pool and gives its result to `end`, which tells the keeper.
  template <class Work, class End>
  void run(daphnis::uv::PoolTask& task, Work work, End end);
  /// Sets the timer; follows each input of the keeper.
  void arm_timer();

  daphnis::uv::Loop& loop_;
  Settings settings_;
  FolderPaths paths_;
  FolderKeeper keeper_;
  daphnis::uv::Timer timer_;  ///< For the keeper's next deadline.
  // Each is shared with its work under way.
  std::shared_ptr<FolderLock> lock_;
  std::shared_ptr<FolderRound> round_;      ///< The tasks under way; null: none.
  std::shared_ptr<FolderScan> scan_;        ///< Null: no scan is under way.
  std::shared_ptr<FolderScrub> scrub_;      ///< Null until the first scan is over.
  std::shared_ptr<FolderListing> listing_;  ///< Null: no file's blocks are being listed.
  std::shared_ptr<SnapshotFile> snapshot_;  ///< Null: no snapshot is being written.

  daphnis::uv::PoolTask round_task_;
  daphnis::uv::PoolTask probe_task_;
  daphnis::uv::PoolTask scan_task_;
  daphnis::uv::PoolTask scrub_task_;
  daphnis::uv::PoolTask listing_task_;
  daphnis::uv::PoolTask sweep_task_;
  daphnis::uv::PoolTask snapshot_task_;
};

}  // namespace daphnis::broker::uv

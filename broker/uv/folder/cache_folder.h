#pragma once

#include <absl/container/flat_hash_set.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/uv/folder/folder_lock.h"
#include "broker/uv/folder/folder_paths.h"
#include "broker/uv/folder/folder_probe.h"
#include "broker/uv/folder/folder_scan.h"
#include "broker/uv/folder/folder_scrub.h"
#include "broker/uv/folder/folder_tasks.h"
#include "broker/uv/folder/snapshot_file.h"
#include "common/uv/loop.h"
#include "common/uv/pool_task.h"

namespace daphnis::broker::uv {

/// The cache's files: carries out the core's tasks, scans at the start, scrubs in the background,
/// and probes whether the folder can store files (DESIGN 7). Each of these runs in libuv's thread
/// pool, one step at a time, so a slow disk never blocks the loop. Owned by the Shell; its events
/// come from the loop, never from within add() or start_scan(). Its end drops tasks that were not
/// carried out; the scan of the next start makes up for them.
class CacheFolder {
 public:
  struct Settings {
    std::string dir;        ///< Absolute; empty: no cache, and only spools are unlinked.
    std::string spool_dir;  ///< Absolute; empty: none.
    uint64_t scrub_bytes_per_s = 8 * limits::kMiB;  ///< 0: no scrubbing.
    uint64_t scrub_pause_ms = 60'000;               ///< Between two rounds over all files.
    uint64_t probe_every_ms = 5'000;
    /// Between two sweeps of tmp/ and the spool folder for strays.
    uint64_t sweep_every_ms = 30'000;
  };
  /// Counts since the start, for metrics.
  struct Counts {
    uint64_t files_scanned = 0;
    uint64_t files_removed = 0;   ///< Removed by scans, since they were no valid cache files.
    uint64_t strays_removed = 0;  ///< Of dead workers, in tmp/ and in the spool folder.
    uint64_t files_scrubbed = 0;
    uint64_t bytes_scrubbed = 0;
    uint64_t files_corrupt = 0;
    uint64_t last_scan_ms = 0;  ///< How long the last whole scan took.
  };
  using OnEvent = std::function<void(FolderEvent)>;
  /// Appends up to `count` entries of the index from `cursor` on; returns the cursor to go on from,
  /// or 0 at the end (as CacheIndex::visit). Called on the loop.
  using EntrySource =
      std::function<uint64_t(uint64_t cursor, size_t count, std::vector<CacheEntry>& out)>;

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
  void save_snapshot(EntrySource source);
  /// Writes the snapshot at once, for the broker's stop. Blocks. Errors: kSystem.
  [[nodiscard]] Result<void> write_snapshot(const EntrySource& source);

  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] bool is_scanning() const { return scan_ != nullptr; }
  [[nodiscard]] bool is_writing_snapshot() const { return snapshot_ != nullptr; }
  [[nodiscard]] size_t tasks_pending() const {
    return tasks_.size() + (round_ ? round_->size() : 0);
  }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  // cache_folder.cc: tasks and health.
  void run_tasks();
  void on_round_step();
  void on_task_done(FolderWork& work);
  void probe();
  void on_probe(const ProbeResult& result);
  void set_down(const std::string& why);
  void set_up();
  /// True where a step has taken more than kFolderSilentMs, so the disk hangs.
  [[nodiscard]] bool is_stuck() const;

  // cache_folder_rounds.cc: scans, scrubbing, sweeps and snapshots.
  void begin_scan();
  void run_scan();
  void on_batch(FolderScan::Batch&& batch);
  void run_scrub();
  void on_scrub_step(FolderScrub::Step&& step);
  void release_scrubbed();
  void pace_scrub();
  void run_sweep();
  void run_snapshot();

  daphnis::uv::Loop& loop_;
  Settings settings_;
  FolderPaths paths_;
  OnEvent on_event_;
  std::shared_ptr<FolderLock> lock_;  ///< Shared with the probe under way.
  Counts counts_;

  std::deque<FolderTask> tasks_;
  std::shared_ptr<FolderRound> round_;  ///< The tasks under way; null: none.
  daphnis::uv::PoolTask round_task_;

  bool is_up_ = true;
  std::string down_why_;         ///< The trouble of open(), until an event reports it.
  bool is_scan_wanted_ = false;  ///< start_scan() was called.
  daphnis::uv::Timer probe_timer_;
  daphnis::uv::PoolTask probe_task_;

  std::shared_ptr<FolderScan> scan_;  ///< Null: no scan is under way.
  uint64_t scan_began_ms_ = 0;
  bool was_scanned_ = false;
  /// Keys whose files were removed since the scan began; entries that it reports for them are void.
  absl::flat_hash_set<RequestKey> gone_;
  daphnis::uv::PoolTask scan_task_;

  std::shared_ptr<FolderScrub> scrub_;
  std::vector<RequestKey> wanted_;  ///< Of ProveFile, not yet given to the scrubber.
  uint64_t scrub_owed_bytes_ = 0;   ///< Bytes read for which scrubbing has not paused yet.
  /// Events held back until the scrubber has closed an unlinked file that it may have open.
  std::vector<FilesUnlinked> unlinked_;
  daphnis::uv::Timer scrub_timer_;
  daphnis::uv::PoolTask scrub_task_;

  daphnis::uv::Timer sweep_timer_;
  daphnis::uv::PoolTask sweep_task_;

  EntrySource snapshot_source_;
  uint64_t snapshot_cursor_ = 0;
  std::shared_ptr<SnapshotFile> snapshot_;  ///< Null: no snapshot is being written.
  daphnis::uv::PoolTask snapshot_task_;
};

}  // namespace daphnis::broker::uv

#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/folder/folder_disk.h"
#include "common/base/limits.h"

namespace daphnis::broker {

/// How often and how fast the folder does what no task asks for.
struct FolderPace {
  uint64_t scrub_bytes_per_s = 8 * limits::kMiB;  ///< 0: no scrubbing.
  uint64_t scrub_pause_ms = 60'000;               ///< Between two rounds over all files.
  uint64_t list_bytes_per_s = 8 * limits::kMiB;   ///< For the lists of files' blocks.
  uint64_t probe_every_ms = 5'000;
  /// Between two sweeps of tmp/ and the spool folder for strays.
  uint64_t sweep_every_ms = 30'000;
};

/// Counts since the start, for metrics.
struct FolderCounts {
  uint64_t files_scanned = 0;
  uint64_t files_removed = 0;   ///< Removed by scans, since they were no valid cache files.
  uint64_t strays_removed = 0;  ///< Of dead workers, in tmp/ and in the spool folder.
  uint64_t files_scrubbed = 0;
  uint64_t bytes_scrubbed = 0;
  uint64_t files_corrupt = 0;
  uint64_t last_scan_ms = 0;  ///< How long the last whole scan took.
};

/// Decides what is done in the cache's folder, and when: in which rounds tasks are carried out,
/// whether the folder is up, when it is scanned, scrubbed and swept, when files' blocks are listed,
/// and how a snapshot is written.
/// Sans-I/O: a FolderDisk does the work and reports its end by the functions on_…(). Owned by the
/// cache's folder. Its end drops tasks that were not carried out; the scan of the next start makes
/// up for them.
///
/// Times are milliseconds of any monotonic clock. After each call the owner asks next_deadline()
/// when on_timer() is to be called. Events are reported from within on_…(), never from within
/// open(), start_scan() or add(); a receiver may call add().
class FolderKeeper {
 public:
  using OnEvent = std::function<void(FolderEvent)>;
  /// Appends up to `count` entries of the index from `cursor` on; returns the cursor to go on from,
  /// or 0 at the end (as CacheIndex::visit). Called from save_snapshot() and on_snapshot_step().
  using EntrySource =
      std::function<uint64_t(uint64_t cursor, size_t count, std::vector<CacheEntry>& out)>;
  /// What the owner found when it opened the folder.
  struct Opened {
    bool has_cache = true;        ///< False: only spools are unlinked and swept.
    std::string trouble = {};     ///< Why the folder cannot be used yet; empty: it can.
    uint64_t strays_removed = 0;  ///< By a first sweep.
  };

  FolderKeeper(FolderDisk& disk, FolderPace pace, OnEvent on_event)
      : disk_(disk), pace_(pace), on_event_(std::move(on_event)) {}
  FolderKeeper(const FolderKeeper&) = delete;
  FolderKeeper& operator=(const FolderKeeper&) = delete;

  /// Begins to probe and to sweep. A trouble is reported as FolderHealth{false} at the next
  /// deadline. Call it once, before all else.
  void open(const Opened& opened, uint64_t now_ms);
  /// Begins the first scan, or lets it follow the first FolderHealth{true} where the folder is
  /// down. Only with a cache; call it once, after open().
  void start_scan(uint64_t now_ms);
  /// Adds a task. Tasks are carried out in the order in which they are added; at most
  /// kFolderTasksMax may be pending.
  void add(FolderTask task, uint64_t now_ms);
  /// Begins a snapshot, which is written kSnapshotEntriesPerTurn entries a turn. Does nothing while
  /// an earlier one is being written, while the folder is down, and before the first scan is over.
  void save_snapshot(EntrySource source);

  /// When on_timer() is to be called; nullopt: not before another call has changed it.
  [[nodiscard]] std::optional<uint64_t> next_deadline() const;
  void on_timer(uint64_t now_ms);

  // The ends of the disk's work.
  void on_round_step(RoundStep step, uint64_t now_ms);
  void on_probe(const ProbeResult& result, uint64_t now_ms);
  void on_scan_step(ScanStep step, uint64_t now_ms);
  void on_scrub_step(ScrubStep step, uint64_t now_ms);
  /// `gone` is the key of the file that was closed, not proven; nullopt: the open file stays.
  void on_let_go(const std::optional<FileProven>& gone, uint64_t now_ms);
  void on_listing_step(ListingStep step, uint64_t now_ms);
  void on_sweep(uint64_t strays_removed);
  void on_snapshot_step(const SnapshotStep& step);

  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] bool is_scanning() const { return is_scanning_; }
  /// True once a scan has come to its end, so that the index is whole.
  [[nodiscard]] bool was_scanned() const { return was_scanned_; }
  [[nodiscard]] bool is_writing_snapshot() const { return snapshot_source_ != nullptr; }
  [[nodiscard]] size_t tasks_pending() const { return tasks_.size() + round_size_; }
  [[nodiscard]] const FolderCounts& counts() const { return counts_; }

 private:
  // folder_keeper.cc: tasks and health.
  void run_tasks(uint64_t now_ms);
  void take_other_tasks(uint64_t now_ms);
  [[nodiscard]] std::vector<FolderTask> next_round();
  void on_task_end(TaskEnd&& end);
  void start_probe(uint64_t now_ms);
  void set_down(const std::string& why);
  void set_up(uint64_t now_ms);
  /// True where a round's step or a probe has taken more than kFolderSilentMs, so the disk hangs.
  [[nodiscard]] bool is_stuck(uint64_t now_ms) const;

  // folder_keeper_rounds.cc: scans, scrubbing, lists of blocks, sweeps and snapshots.
  void note_for_scan(const FolderTask& task);
  void begin_scan(uint64_t now_ms);
  void run_scan();
  void take_scan_step(ScanStep&& step, uint64_t now_ms);
  void pace_scrub(uint64_t now_ms);
  void run_scrub(uint64_t now_ms);
  void take_scrub_step(ScrubStep&& step, uint64_t now_ms);
  void release_scrubbed();
  void tell(const std::vector<FilesUnlinked>& unlinked);
  void plan_listing(uint64_t now_ms);
  void run_listing();
  void run_sweep(uint64_t now_ms);
  void append_snapshot();

  FolderDisk& disk_;
  FolderPace pace_;
  OnEvent on_event_;
  FolderCounts counts_;

  std::deque<FolderTask> tasks_;
  size_t round_size_ = 0;  ///< The number of tasks of the round under way; 0: none is.
  std::vector<FolderTask> round_removals_;  ///< A copy of its task, where that is no StoreFile.
  std::optional<uint64_t> round_step_since_ms_;  ///< When its step began; nullopt: none is on.

  bool is_up_ = true;
  std::string down_why_;                    ///< The trouble of open(), until an event reports it.
  std::optional<uint64_t> probe_since_ms_;  ///< When the probe began; nullopt: none is on.
  std::optional<uint64_t> probe_due_ms_;    ///< nullopt: there is no cache.

  bool is_scan_wanted_ = false;  ///< start_scan() was called.
  bool is_scanning_ = false;
  bool is_scan_new_ = false;    ///< The scan has no step yet.
  bool has_scan_step_ = false;  ///< A step is under way; it may be one of an earlier scan.
  uint64_t scan_began_ms_ = 0;
  bool was_scanned_ = false;
  /// Keys whose files are removed while the scan is under way; entries that it reports for them are
  /// void.
  absl::flat_hash_set<RequestKey> gone_;

  std::optional<std::vector<RequestKey>> sample_;  ///< Set: the scrubber's rounds begin anew.
  std::vector<RequestKey> wanted_;                 ///< Of ProveFile, not yet given to the scrubber.
  bool has_scrub_step_ = false;                    ///< A step or let_go() is under way.
  bool is_scrub_open_ = false;     ///< The scrubber has a file open between two steps.
  uint64_t scrub_owed_bytes_ = 0;  ///< Bytes read for which scrubbing has not paused yet.
  std::optional<uint64_t> scrub_due_ms_;
  /// Events held back until the scrubber has closed an unlinked file that it may have open: those
  /// that wait for a step's end, and those that wait for let_go().
  std::vector<FilesUnlinked> unlinked_;
  std::vector<FilesUnlinked> let_go_;

  std::deque<ListBlocks> to_list_;  ///< Files whose blocks are to be listed, one after the other.
  bool is_listing_begun_ = false;   ///< The first of them has had a step, or has its first one.
  bool has_listing_step_ = false;   ///< A step is under way; where !is_listing_begun_ it is void.
  uint64_t list_owed_bytes_ = 0;    ///< Bytes read for which listing has not paused yet.
  uint64_t list_from_ms_ = 0;       ///< The earliest time of the next step.
  std::optional<uint64_t> list_due_ms_;

  bool is_sweeping_ = false;
  std::optional<uint64_t> sweep_due_ms_;

  EntrySource snapshot_source_;  ///< Null: no snapshot is being written.
  uint64_t snapshot_cursor_ = 0;
};

}  // namespace daphnis::broker

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"

/// The work that a FolderKeeper asks for, and the results that this work ends with.
namespace daphnis::broker {

/// The end of one task.
struct TaskEnd {
  std::optional<FolderEvent> event = {};  ///< Reports the end; nullopt: the task has no event.
  std::string trouble = {};  ///< Why the folder as a whole cannot be used; empty: no such trouble.
};

/// The result of a step of a round of tasks.
struct RoundStep {
  std::vector<TaskEnd> ends = {};  ///< Of the tasks that ended in this step, in their order.
  bool is_last = false;            ///< All tasks of the round have ended.
};

/// The state before a probe.
enum class ProbeAfter : uint8_t {
  kHealth,
  kTrouble,  ///< The probe also wants free space, so that a full disk does not go up and down.
};

/// The result of a probe: whether files can be made, written, renamed and removed in the cache
/// folder.
struct ProbeResult {
  bool is_ok = false;
  bool is_new = false;   ///< The folder was deleted or replaced, and made and locked anew.
  std::string why = {};  ///< Why it is not ok, for the log.
};

/// The result of a step of a scan.
struct ScanStep {
  std::vector<CacheEntry> entries = {};  ///< At most kFilesFoundMax.
  /// The keys of removed files that bore the name of one; at most kFilesFoundMax.
  std::vector<RequestKey> lost = {};
  uint64_t files_seen = 0;
  uint64_t files_removed = 0;  ///< Removed, since they are no valid cache files.
  bool is_last = false;
  /// With the last step: the files that the scrubber is to prove first, at most kScrubSampleFiles.
  std::vector<RequestKey> sample = {};
  std::string trouble = {};  ///< Why the scan cannot go on; then files not found may exist.
};

/// The result of a step of the scrubber.
struct ScrubStep {
  uint64_t bytes_read = 0;
  uint64_t files_done = 0;  ///< Good, bad, or evicted while they were read.
  bool is_open = false;     ///< A file stays open until the next step.
  bool is_round_over = false;
  std::optional<FileCorrupt> corrupt = {};
  std::optional<FileProven> ended = {};  ///< A file was read to its end, or was gone.
};

/// The result of a step that lists a file's blocks.
struct ListingStep {
  BlocksListed listed = {};
  uint64_t bytes_read = 0;
};

/// What is written to a snapshot in one turn.
struct SnapshotPart {
  std::vector<CacheEntry> entries = {};  ///< At most kSnapshotEntriesPerTurn.
  bool is_first = false;                 ///< A new snapshot begins.
  bool is_last = false;                  ///< The snapshot is whole and replaces the earlier one.
};

/// The result of such a turn.
struct SnapshotStep {
  bool is_written = true;    ///< False: the snapshot is given up; the earlier one stays.
  std::string trouble = {};  ///< Why the folder as a whole cannot be used; empty: no such trouble.
};

/// The disk below a FolderKeeper, which does what the keeper decides on. Every function begins one
/// piece of work and returns at once; the work is done elsewhere (in a thread pool, or in a
/// simulated disk), in bounded steps. Its end is given to the keeper by the function named here,
/// never from within the call that began it. The keeper begins no second piece of a kind before
/// the first has ended; a scrubber's step and let_go() are of one kind. Implemented by the owner
/// of the keeper, which outlives it.
class FolderDisk {
 public:
  /// Begins a round: carries out the first of these tasks, at least one of them, in their order.
  /// None is a ProveFile, a ListBlocks or a SetScrub. Ends with on_round_step().
  virtual void begin_round(std::vector<FolderTask> tasks) = 0;
  /// Carries out the next part of the round. Ends with on_round_step().
  virtual void continue_round() = 0;

  /// Tries whether the folder can store files. Ends with on_probe().
  virtual void probe(ProbeAfter after) = 0;

  /// Begins a walk over all cached files; one under way is forgotten. Ends with on_scan_step().
  virtual void begin_scan() = 0;
  /// Goes on with the walk. Ends with on_scan_step().
  virtual void continue_scan() = 0;

  /// Begins the scrubber's rounds anew: closes the open file, and proves the wanted files first,
  /// then the sample, then all, round after round. Ends with on_scrub_step().
  virtual void begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) = 0;
  /// Reads on; the wanted files come after the one under way. Ends with on_scrub_step().
  virtual void continue_scrub(std::vector<RequestKey> wanted) = 0;
  /// Closes the scrubber's open file where it was unlinked. Ends with on_let_go().
  virtual void let_go() = 0;

  /// Begins to list the blocks of a file; one under way is forgotten. Ends with on_listing_step().
  virtual void begin_listing(ListBlocks task) = 0;
  /// Goes on with the list. Ends with on_listing_step().
  virtual void continue_listing() = 0;

  /// Removes strays from tmp/ and the spool folder. Ends with on_sweep().
  virtual void sweep() = 0;

  /// Writes a part of a snapshot. Ends with on_snapshot_step().
  virtual void append_snapshot(SnapshotPart part) = 0;

 protected:
  ~FolderDisk() = default;
};

}  // namespace daphnis::broker

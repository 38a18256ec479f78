#include <algorithm>
#include <utility>

#include "broker/folder/folder_keeper.h"

/// The part of the keeper for its rounds: scans, scrubbing, lists of blocks, sweeps and snapshots.
namespace daphnis::broker {
namespace {

/// Bytes that a step of the scrubber or of a listing costs beside those that it read, so that many
/// small files are not for free.
constexpr uint64_t kScrubStepBytes = 4 * limits::kKiB;

/// For how many ms reading pauses for the bytes owed, at most `rate` a second; takes these off.
uint64_t take_pause_ms(uint64_t& owed_bytes, uint64_t rate) {
  const uint64_t wait_ms = owed_bytes * 1000 / rate;
  owed_bytes -= wait_ms * rate / 1000;
  return wait_ms;
}

}  // namespace

// --- Scan ---

void FolderKeeper::start_scan(uint64_t now_ms) {
  is_scan_wanted_ = true;
  if (is_up_) begin_scan(now_ms);
}

/// Notes whose files a task removes, or makes, while a scan is under way.
void FolderKeeper::note_for_scan(const FolderTask& task) {
  if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
    gone_.insert(unlink->keys.begin(), unlink->keys.end());
  } else if (const auto* quarantine = std::get_if<Quarantine>(&task)) {
    gone_.insert(quarantine->key);
  } else if (const auto* store = std::get_if<StoreFile>(&task)) {
    gone_.erase(store->key);
  }
}

void FolderKeeper::begin_scan(uint64_t now_ms) {
  // The scan may see files before a task that was given earlier has removed them.
  gone_.clear();
  for (const FolderTask& task : round_removals_) note_for_scan(task);
  for (const FolderTask& task : tasks_) note_for_scan(task);
  scan_began_ms_ = now_ms;
  is_scanning_ = true;
  is_scan_new_ = true;
  run_scan();
}

void FolderKeeper::run_scan() {
  if (!is_scanning_ || has_scan_step_) return;
  has_scan_step_ = true;
  if (std::exchange(is_scan_new_, false)) return disk_.begin_scan();
  disk_.continue_scan();
}

void FolderKeeper::on_scan_step(ScanStep step, uint64_t now_ms) {
  has_scan_step_ = false;
  // The scan may have been dropped, or begun anew, meanwhile.
  if (is_scanning_ && !is_scan_new_) take_scan_step(std::move(step), now_ms);
  run_scan();
}

void FolderKeeper::take_scan_step(ScanStep&& step, uint64_t now_ms) {
  counts_.files_scanned += step.files_seen;
  counts_.files_removed += step.files_removed;
  if (!step.trouble.empty()) return set_down(step.trouble);
  std::erase_if(step.entries, [this](const auto& entry) { return gone_.contains(entry.key); });
  if (step.is_last) {
    counts_.last_scan_ms = now_ms - scan_began_ms_;
    is_scanning_ = false;
    gone_ = {};
    was_scanned_ = true;
    sample_ = std::move(step.sample);
    pace_scrub(now_ms);
  }
  if (step.entries.empty() && step.lost.empty() && !step.is_last) return;
  on_event_(FilesFound{
      .entries = std::move(step.entries), .lost = std::move(step.lost), .is_last = step.is_last});
}

// --- Scrubber ---

/// Sets when the scrubber goes on: once it has paused for the bytes that it has read.
void FolderKeeper::pace_scrub(uint64_t now_ms) {
  const uint64_t rate = pace_.scrub_bytes_per_s;
  if (!was_scanned_ || rate == 0) return scrub_due_ms_.reset();
  scrub_due_ms_ = now_ms + take_pause_ms(scrub_owed_bytes_, rate);
}

void FolderKeeper::run_scrub(uint64_t now_ms) {
  // A step's end sets the next deadline, and so does the SetScrub that starts scrubbing anew.
  if (has_scrub_step_ || pace_.scrub_bytes_per_s == 0) return;
  if (!is_up_ || is_scanning_) {
    scrub_due_ms_ = now_ms + pace_.probe_every_ms;
    return;
  }
  has_scrub_step_ = true;
  auto wanted = std::exchange(wanted_, {});
  if (!sample_) return disk_.continue_scrub(std::move(wanted));
  auto sample = std::move(*std::exchange(sample_, std::nullopt));
  disk_.begin_scrub(std::move(sample), std::move(wanted));
}

void FolderKeeper::on_scrub_step(ScrubStep step, uint64_t now_ms) {
  has_scrub_step_ = false;
  is_scrub_open_ = step.is_open;
  take_scrub_step(std::move(step), now_ms);
  release_scrubbed();
}

void FolderKeeper::take_scrub_step(ScrubStep&& step, uint64_t now_ms) {
  counts_.files_scrubbed += step.files_done;
  counts_.bytes_scrubbed += step.bytes_read;
  scrub_owed_bytes_ += step.bytes_read + kScrubStepBytes;
  if (step.is_round_over) {
    scrub_due_ms_ = now_ms + pace_.scrub_pause_ms;
  } else {
    pace_scrub(now_ms);
  }
  if (step.ended) on_event_(*step.ended);
  if (!step.corrupt) return;
  ++counts_.files_corrupt;
  on_event_(std::move(*step.corrupt));
}

/// Reports unlinked files. The scrubber closes its file first where that is one of them, since an
/// open file still takes disk space.
void FolderKeeper::release_scrubbed() {
  if (has_scrub_step_ || unlinked_.empty()) return;
  auto unlinked = std::exchange(unlinked_, {});
  if (!is_scrub_open_) return tell(unlinked);
  let_go_ = std::move(unlinked);
  has_scrub_step_ = true;
  disk_.let_go();
}

void FolderKeeper::on_let_go(const std::optional<FileProven>& gone, uint64_t now_ms) {
  has_scrub_step_ = false;
  if (gone) {
    is_scrub_open_ = false;
    on_event_(*gone);
  }
  tell(std::exchange(let_go_, {}));
  pace_scrub(now_ms);
  release_scrubbed();
}

void FolderKeeper::tell(const std::vector<FilesUnlinked>& unlinked) {
  for (const FilesUnlinked& one : unlinked) on_event_(one);
}

// --- Lists of blocks ---

/// Sets when listing goes on, where there is something to list and no step is on.
void FolderKeeper::plan_listing(uint64_t now_ms) {
  list_due_ms_.reset();
  if (!to_list_.empty() && !has_listing_step_) list_due_ms_ = std::max(now_ms, list_from_ms_);
}

void FolderKeeper::run_listing() {
  has_listing_step_ = true;
  if (std::exchange(is_listing_begun_, true)) return disk_.continue_listing();
  disk_.begin_listing(to_list_.front());
}

void FolderKeeper::on_listing_step(ListingStep step, uint64_t now_ms) {
  has_listing_step_ = false;
  list_owed_bytes_ += step.bytes_read + kScrubStepBytes;
  list_from_ms_ = now_ms + take_pause_ms(list_owed_bytes_, pace_.list_bytes_per_s);
  // Where the folder went down during the step, the list is of no use.
  const bool is_wanted = is_listing_begun_;
  if (is_wanted && step.listed.is_last) {
    to_list_.pop_front();
    is_listing_begun_ = false;
  }
  plan_listing(now_ms);
  if (is_wanted) on_event_(std::move(step.listed));
}

// --- Strays ---

void FolderKeeper::run_sweep(uint64_t now_ms) {
  sweep_due_ms_ = now_ms + pace_.sweep_every_ms;
  if (std::exchange(is_sweeping_, true)) return;
  disk_.sweep();
}

void FolderKeeper::on_sweep(uint64_t strays_removed) {
  is_sweeping_ = false;
  counts_.strays_removed += strays_removed;
}

// --- Snapshot ---

void FolderKeeper::save_snapshot(EntrySource source) {
  if (snapshot_source_ || !is_up_ || !was_scanned_) return;
  snapshot_source_ = std::move(source);
  snapshot_cursor_ = 0;
  append_snapshot();
}

void FolderKeeper::append_snapshot() {
  SnapshotPart part{.is_first = snapshot_cursor_ == 0};
  snapshot_cursor_ =
      snapshot_source_(snapshot_cursor_, limits::kSnapshotEntriesPerTurn, part.entries);
  part.is_last = snapshot_cursor_ == 0;
  disk_.append_snapshot(std::move(part));
}

void FolderKeeper::on_snapshot_step(const SnapshotStep& step) {
  if (step.is_written && snapshot_cursor_ != 0) return append_snapshot();
  snapshot_source_ = nullptr;
  if (!step.trouble.empty()) set_down(step.trouble);
}

}  // namespace daphnis::broker

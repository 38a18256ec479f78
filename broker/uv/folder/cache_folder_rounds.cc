#include <utility>

#include "broker/uv/folder/cache_folder.h"
#include "broker/uv/folder/folder_sweep.h"

/// The part of the cache folder for its rounds: scans, scrubbing, sweeps and snapshots.
namespace daphnis::broker::uv {
namespace {

/// Bytes that a step of the scrubber costs beside those that it read, so that many small files are
/// not for free.
constexpr uint64_t kScrubStepBytes = 4 * limits::kKiB;

}  // namespace

// --- Scan ---

void CacheFolder::start_scan() {
  if (paths_.dir.empty()) return;
  is_scan_wanted_ = true;
  if (is_up_) begin_scan();
}

void CacheFolder::begin_scan() {
  gone_.clear();
  scan_began_ms_ = loop_.now_ms();
  scan_ = std::make_shared<FolderScan>(paths_);
  run_scan();
}

void CacheFolder::run_scan() {
  if (!scan_ || scan_task_.is_busy()) return;
  auto batch = std::make_shared<FolderScan::Batch>();
  scan_task_.start([scan = scan_, batch] { *batch = scan->step(); },
                   [this, scan = scan_, batch] {
                     // The scan may have been dropped, or begun anew, meanwhile.
                     if (scan == scan_) on_batch(std::move(*batch));
                     run_scan();
                   });
}

void CacheFolder::on_batch(FolderScan::Batch&& batch) {
  counts_.files_scanned += batch.files_seen;
  counts_.files_removed += batch.files_removed;
  if (!batch.trouble.empty()) return set_down(batch.trouble);
  std::erase_if(batch.entries, [this](const auto& entry) { return gone_.contains(entry.key); });
  if (batch.is_last) {
    counts_.last_scan_ms = loop_.now_ms() - scan_began_ms_;
    const auto scan = std::exchange(scan_, nullptr);
    gone_ = {};
    was_scanned_ = true;
    scrub_ = std::make_shared<FolderScrub>(paths_);
    scrub_->set_sample(scan->take_sample());
    pace_scrub();
  }
  if (batch.entries.empty() && !batch.is_last) return;
  on_event_(FilesFound{.entries = std::move(batch.entries), .is_last = batch.is_last});
}

// --- Scrubber ---

void CacheFolder::pace_scrub() {
  if (!scrub_ || settings_.scrub_bytes_per_s == 0) return scrub_timer_.stop();
  const uint64_t rate = settings_.scrub_bytes_per_s;
  const uint64_t wait_ms = scrub_owed_bytes_ * 1000 / rate;
  scrub_owed_bytes_ -= wait_ms * rate / 1000;
  scrub_timer_.start(wait_ms);
}

void CacheFolder::run_scrub() {
  if (!scrub_ || scrub_task_.is_busy()) return;
  if (!is_up_ || scan_) return scrub_timer_.start(settings_.probe_every_ms);
  for (const RequestKey& key : std::exchange(wanted_, {})) scrub_->want(key);
  auto step = std::make_shared<FolderScrub::Step>();
  scrub_task_.start([scrub = scrub_, step] { *step = scrub->step(); },
                    [this, step] {
                      on_scrub_step(std::move(*step));
                      release_scrubbed();
                    });
}

/// Reports unlinked files. The scrubber closes its file first where that is one of them, since an
/// open file still takes disk space.
void CacheFolder::release_scrubbed() {
  if (scrub_task_.is_busy() || unlinked_.empty()) return;
  const auto tell = [this, unlinked = std::exchange(unlinked_, {})] {
    for (const FilesUnlinked& one : unlinked) on_event_(one);
  };
  if (!scrub_ || !scrub_->is_open()) return tell();
  auto gone = std::make_shared<std::optional<FileProven>>();
  scrub_task_.start([gone, scrub = scrub_] { *gone = scrub->let_go(); },
                    [this, tell, gone] {
                      if (*gone) on_event_(**gone);
                      tell();
                      pace_scrub();
                      release_scrubbed();
                    });
}

void CacheFolder::on_scrub_step(FolderScrub::Step&& step) {
  counts_.files_scrubbed += step.files_done;
  counts_.bytes_scrubbed += step.bytes_read;
  scrub_owed_bytes_ += step.bytes_read + kScrubStepBytes;
  if (step.is_round_over) {
    scrub_timer_.start(settings_.scrub_pause_ms);
  } else {
    pace_scrub();
  }
  if (step.ended) on_event_(*step.ended);
  if (!step.corrupt) return;
  ++counts_.files_corrupt;
  on_event_(std::move(*step.corrupt));
}

// --- Strays ---

void CacheFolder::run_sweep() {
  if (sweep_task_.is_busy()) return;
  auto removed = std::make_shared<size_t>(0);
  const auto quiet_s = static_cast<time_t>(settings_.sweep_every_ms / 1000);
  sweep_task_.start(
      [removed, quiet_s, paths = paths_] {
        (void)paths.make_spool_dir();  // The folder may be deleted, or never have been made.
        *removed = sweep_spools(paths, quiet_s);
      },
      [this, removed] { counts_.strays_removed += *removed; });
}

// --- Snapshot ---

void CacheFolder::save_snapshot(EntrySource source) {
  if (paths_.dir.empty() || snapshot_ || !is_up_ || !was_scanned_) return;
  snapshot_source_ = std::move(source);
  snapshot_cursor_ = 0;
  snapshot_ = std::make_shared<SnapshotFile>(paths_.index(), "new");
  run_snapshot();
}

void CacheFolder::run_snapshot() {
  std::vector<CacheEntry> entries;
  snapshot_cursor_ = snapshot_source_(snapshot_cursor_, limits::kSnapshotEntriesPerTurn, entries);
  const bool is_last = snapshot_cursor_ == 0;
  auto written = std::make_shared<Result<void>>();
  snapshot_task_.start(
      [written, is_last, file = snapshot_, rows = std::move(entries)] {
        *written = file->append(rows);
        if (*written && is_last) *written = file->finish();
      },
      [this, written, is_last] {
        if (*written && !is_last) return run_snapshot();
        snapshot_.reset();
        snapshot_source_ = nullptr;
        if (!*written && is_folder_trouble(written->error().sys)) {
          set_down(written->error().text());
        }
      });
}

Result<void> CacheFolder::write_snapshot(const EntrySource& source) {
  // Before the first scan is over the index is not whole; the earlier snapshot is better.
  if (paths_.dir.empty() || !was_scanned_) return {};
  SnapshotFile file(paths_.index(), "stop");
  std::vector<CacheEntry> entries;
  uint64_t cursor = 0;
  do {
    entries.clear();
    cursor = source(cursor, limits::kSnapshotEntriesPerTurn, entries);
    if (auto written = file.append(entries); !written) return written;
  } while (cursor != 0);
  return file.finish();
}

}  // namespace daphnis::broker::uv

#include "broker/uv/folder/cache_folder.h"

#include <optional>
#include <utility>

#include "broker/uv/folder/folder_probe.h"
#include "broker/uv/folder/folder_sweep.h"

namespace daphnis::broker::uv {

CacheFolder::CacheFolder(daphnis::uv::Loop& loop, Settings settings, OnEvent on_event)
    : loop_(loop),
      settings_(std::move(settings)),
      paths_{.dir = settings_.dir, .spool_dir = settings_.spool_dir},
      keeper_(*this, settings_.pace, std::move(on_event)),
      timer_(loop,
             [this] {
               keeper_.on_timer(loop_.now_ms());
               arm_timer();
             }),
      lock_(std::make_shared<FolderLock>(paths_.lock())),
      round_task_(loop),
      probe_task_(loop),
      scan_task_(loop),
      scrub_task_(loop),
      listing_task_(loop),
      sweep_task_(loop),
      snapshot_task_(loop) {}

CacheFolder::~CacheFolder() {
  // This succeeds only where the folder is empty; spools of workers that outlive the broker stay.
  if (!paths_.spool_dir.empty()) (void)::rmdir(paths_.spool_dir.c_str());
}

Result<void> CacheFolder::open() {
  // Where the disk is in a trouble that may pass, a sweep makes the spool folder later.
  auto made = paths_.make_spool_dir();
  if (!made && !may_pass(made.error().sys)) return made;
  const bool has_cache = !paths_.dir.empty();
  const Result<void> opened = has_cache ? open_cache() : Result<void>();
  if (!opened && !may_pass(opened.error().sys)) return opened;
  const std::string dir = opened ? paths_.dir : std::string();
  const size_t removed = sweep_spools({.dir = dir, .spool_dir = paths_.spool_dir}, 0);
  keeper_.open({.has_cache = has_cache,
                .trouble = opened ? std::string() : opened.error().text(),
                .strays_removed = removed},
               loop_.now_ms());
  arm_timer();
  return {};
}

Result<void> CacheFolder::open_cache() {
  if (auto made = paths_.make_cache_tree(); !made) return made;
  return lock_->take();
}

void CacheFolder::start_scan() {
  if (paths_.dir.empty()) return;
  keeper_.start_scan(loop_.now_ms());
  arm_timer();
}

void CacheFolder::add(FolderTask task) {
  keeper_.add(std::move(task), loop_.now_ms());
  arm_timer();
}

void CacheFolder::arm_timer() {
  const auto due_ms = keeper_.next_deadline();
  if (!due_ms) return timer_.stop();
  const uint64_t now_ms = loop_.now_ms();
  timer_.start(*due_ms > now_ms ? *due_ms - now_ms : 0);
}

// --- The keeper's disk ---

template <class Work, class End>
void CacheFolder::run(daphnis::uv::PoolTask& task, Work work, End end) {
  auto result = std::make_shared<decltype(work())>();
  task.start([result, work = std::move(work)]() mutable { *result = work(); },
             [this, result, end = std::move(end)] {
               end(std::move(*result));
               arm_timer();
             });
}

void CacheFolder::begin_round(std::vector<FolderTask> tasks) {
  round_ = std::make_shared<FolderRound>(std::move(tasks), paths_);
  continue_round();
}

void CacheFolder::continue_round() {
  run(
      round_task_, [round = round_] { return round->step(); },
      [this](RoundStep step) {
        if (step.is_last) round_.reset();
        keeper_.on_round_step(std::move(step), loop_.now_ms());
      });
}

void CacheFolder::probe(ProbeAfter after) {
  run(
      probe_task_,
      [after, paths = paths_, lock = lock_] { return probe_folder(paths, *lock, after); },
      [this](const ProbeResult& result) { keeper_.on_probe(result, loop_.now_ms()); });
}

void CacheFolder::begin_scan() {
  scan_ = std::make_shared<FolderScan>(paths_);
  continue_scan();
}

void CacheFolder::continue_scan() {
  run(
      scan_task_, [scan = scan_] { return scan->step(); },
      [this](ScanStep step) {
        keeper_.on_scan_step(std::move(step), loop_.now_ms());
        if (!keeper_.is_scanning()) scan_.reset();
      });
}

void CacheFolder::begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) {
  scrub_ = std::make_shared<FolderScrub>(paths_, std::move(sample));
  continue_scrub(std::move(wanted));
}

void CacheFolder::continue_scrub(std::vector<RequestKey> wanted) {
  for (const RequestKey& key : wanted) scrub_->want(key);
  run(
      scrub_task_, [scrub = scrub_] { return scrub->step(); },
      [this](ScrubStep step) { keeper_.on_scrub_step(std::move(step), loop_.now_ms()); });
}

void CacheFolder::let_go() {
  run(
      scrub_task_, [scrub = scrub_] { return scrub->let_go(); },
      [this](const std::optional<FileProven>& gone) { keeper_.on_let_go(gone, loop_.now_ms()); });
}

void CacheFolder::begin_listing(ListBlocks task) {
  listing_ = std::make_shared<FolderListing>(paths_, task);
  continue_listing();
}

void CacheFolder::continue_listing() {
  run(
      listing_task_, [listing = listing_] { return listing->step(); },
      [this](ListingStep step) {
        if (step.listed.is_last) listing_.reset();
        keeper_.on_listing_step(std::move(step), loop_.now_ms());
      });
}

void CacheFolder::sweep() {
  const auto quiet_s = static_cast<time_t>(settings_.pace.sweep_every_ms / 1000);
  run(
      sweep_task_,
      [quiet_s, paths = paths_] {
        (void)paths.make_spool_dir();  // The folder may be deleted, or never have been made.
        return sweep_spools(paths, quiet_s);
      },
      [this](size_t removed) { keeper_.on_sweep(removed); });
}

// --- Snapshot ---

void CacheFolder::append_snapshot(SnapshotPart part) {
  if (part.is_first) snapshot_ = std::make_shared<SnapshotFile>(paths_.index(), "new");
  run(
      snapshot_task_,
      [part = std::move(part), file = snapshot_] {
        auto written = file->append(part.entries);
        if (written && part.is_last) written = file->finish();
        if (written) return SnapshotStep{};
        const bool is_trouble = is_folder_trouble(written.error().sys);
        return SnapshotStep{.is_written = false,
                            .trouble = is_trouble ? written.error().text() : std::string()};
      },
      [this](const SnapshotStep& step) {
        keeper_.on_snapshot_step(step);
        if (!keeper_.is_writing_snapshot()) snapshot_.reset();
      });
}

Result<void> CacheFolder::write_snapshot(const EntrySource& source) {
  // Before the first scan is over the index is not whole; the earlier snapshot is better.
  if (!keeper_.was_scanned()) return {};
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

#include "broker/uv/folder/cache_folder.h"

#include <utility>

#include "broker/uv/folder/folder_sweep.h"
#include "common/base/check.h"

namespace daphnis::broker::uv {

CacheFolder::CacheFolder(daphnis::uv::Loop& loop, Settings settings, OnEvent on_event)
    : loop_(loop),
      settings_(std::move(settings)),
      paths_{.dir = settings_.dir, .spool_dir = settings_.spool_dir},
      on_event_(std::move(on_event)),
      lock_(std::make_shared<FolderLock>(paths_.lock())),
      round_task_(loop),
      probe_timer_(loop, [this] { probe(); }),
      probe_task_(loop),
      scan_task_(loop),
      scrub_timer_(loop, [this] { run_scrub(); }),
      scrub_task_(loop),
      sweep_timer_(loop, [this] { run_sweep(); }),
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
  Result<void> opened;
  if (!paths_.dir.empty()) {
    opened = paths_.make_cache_tree();
    if (opened) opened = lock_->take();
    if (!opened && !may_pass(opened.error().sys)) return opened;
    is_up_ = opened.has_value();
    if (!is_up_) down_why_ = opened.error().text();
    probe_timer_.start(is_up_ ? settings_.probe_every_ms : 0, settings_.probe_every_ms);
  }
  counts_.strays_removed +=
      sweep_spools({.dir = is_up_ ? paths_.dir : "", .spool_dir = paths_.spool_dir}, 0);
  sweep_timer_.start(settings_.sweep_every_ms, settings_.sweep_every_ms);
  return {};
}

// --- Tasks ---

void CacheFolder::add(FolderTask task) {
  check(tasks_.size() < limits::kFolderTasksMax, "too many orders for the cache folder");
  if (scan_) {
    if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
      gone_.insert(unlink->keys.begin(), unlink->keys.end());
    } else if (const auto* quarantine = std::get_if<Quarantine>(&task)) {
      gone_.insert(quarantine->key);
    } else if (const auto* store = std::get_if<StoreFile>(&task)) {
      gone_.erase(store->key);
    }
  }
  tasks_.push_back(std::move(task));
  run_tasks();
}

void CacheFolder::run_tasks() {
  if (round_task_.is_busy()) return;
  if (!round_) {
    if (tasks_.empty()) return;
    round_ = std::make_shared<FolderRound>(tasks_, paths_);
  }
  round_task_.start([round = round_] { round->step(); }, [this] { on_round_step(); });
}

void CacheFolder::on_round_step() {
  const auto round = round_;  // An event below may lead to the next step, or the next round.
  const auto done = round->take_done();
  if (round->is_done()) round_.reset();
  for (FolderWork& work : done) on_task_done(work);
  run_tasks();
}

void CacheFolder::on_task_done(FolderWork& work) {
  if (const auto* scrub = std::get_if<SetScrub>(&work.task())) {
    settings_.scrub_bytes_per_s = scrub->bytes_per_s;
    pace_scrub();
  }
  if (const auto* prove = std::get_if<ProveFile>(&work.task()); prove && is_up_) {
    wanted_.push_back(prove->key);
    pace_scrub();
  }
  if (!work.trouble().empty()) set_down(work.trouble());
  auto& event = work.event();
  if (!event) return;
  const auto* stored = std::get_if<FileStored>(&*event);
  if (scan_ && stored && !stored->is_stored) gone_.insert(stored->key);
  if (const auto* unlinked = std::get_if<FilesUnlinked>(&*event)) {
    unlinked_.push_back(*unlinked);
    release_scrubbed();
  } else {
    on_event_(std::move(*event));
  }
}

// --- Health ---

void CacheFolder::probe() {
  if (!down_why_.empty()) {
    on_event_(FolderHealth{.is_up = false, .why = std::exchange(down_why_, {})});
  }
  if (is_stuck()) {
    set_down("the disk has not answered for " + std::to_string(limits::kFolderSilentMs / 1000) +
             " s");
  }
  if (probe_task_.is_busy()) return;
  auto result = std::make_shared<ProbeResult>();
  const auto after = is_up_ ? ProbeAfter::kHealth : ProbeAfter::kTrouble;
  probe_task_.start([result, after, paths = paths_,
                     lock = lock_] { *result = probe_folder(paths, *lock, after); },
                    [this, result] { on_probe(*result); });
}

void CacheFolder::on_probe(const ProbeResult& result) {
  if (!result.is_ok) return set_down(result.why);
  if (result.is_new) set_down("the folder was deleted or replaced");
  if (!is_stuck()) set_up();
}

bool CacheFolder::is_stuck() const {
  const auto hangs = [this](const daphnis::uv::PoolTask& task) {
    return task.is_busy() && loop_.now_ms() - task.started_ms() > limits::kFolderSilentMs;
  };
  return hangs(round_task_) || hangs(probe_task_);
}

void CacheFolder::set_down(const std::string& why) {
  if (!std::exchange(is_up_, false)) return;
  scan_.reset();
  wanted_.clear();
  on_event_(FolderHealth{.is_up = false, .why = why});
}

void CacheFolder::set_up() {
  if (std::exchange(is_up_, true)) return;
  on_event_(FolderHealth{.is_up = true, .why = {}});
  if (is_scan_wanted_) begin_scan();
}

}  // namespace daphnis::broker::uv

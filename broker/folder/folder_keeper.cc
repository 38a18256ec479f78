#include "broker/folder/folder_keeper.h"

#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

/// Takes a deadline away where it has passed. True: it had.
bool take_due(std::optional<uint64_t>& due_ms, uint64_t now_ms) {
  if (!due_ms || *due_ms > now_ms) return false;
  due_ms.reset();
  return true;
}

}  // namespace

void FolderKeeper::open(const Opened& opened, uint64_t now_ms) {
  counts_.strays_removed += opened.strays_removed;
  sweep_due_ms_ = now_ms + pace_.sweep_every_ms;
  if (!opened.has_cache) return;
  is_up_ = opened.trouble.empty();
  down_why_ = opened.trouble;
  probe_due_ms_ = is_up_ ? now_ms + pace_.probe_every_ms : now_ms;
}

std::optional<uint64_t> FolderKeeper::next_deadline() const {
  std::optional<uint64_t> next;
  for (const auto& due_ms : {probe_due_ms_, scrub_due_ms_, list_due_ms_, sweep_due_ms_}) {
    if (due_ms && (!next || *due_ms < *next)) next = due_ms;
  }
  return next;
}

void FolderKeeper::on_timer(uint64_t now_ms) {
  if (take_due(probe_due_ms_, now_ms)) start_probe(now_ms);
  if (take_due(scrub_due_ms_, now_ms)) run_scrub(now_ms);
  if (take_due(list_due_ms_, now_ms)) run_listing();
  if (take_due(sweep_due_ms_, now_ms)) run_sweep(now_ms);
}

// --- Tasks ---

void FolderKeeper::add(FolderTask task, uint64_t now_ms) {
  check(tasks_.size() < limits::kFolderTasksMax, "too many tasks for the cache folder");
  if (is_scanning_) note_for_scan(task);
  tasks_.push_back(std::move(task));
  run_tasks(now_ms);
}

void FolderKeeper::run_tasks(uint64_t now_ms) {
  if (round_step_since_ms_) return;
  if (round_size_ == 0) take_other_tasks(now_ms);
  if (round_size_ == 0 && tasks_.empty()) return;
  round_step_since_ms_ = now_ms;
  if (round_size_ > 0) return disk_.continue_round();
  auto round = next_round();
  round_size_ = round.size();
  if (!std::holds_alternative<StoreFile>(round.front())) round_removals_ = round;
  disk_.begin_round(std::move(round));
}

/// Takes the tasks at the front of the queue that belong to no round.
void FolderKeeper::take_other_tasks(uint64_t now_ms) {
  for (; !tasks_.empty(); tasks_.pop_front()) {
    if (const auto* scrub = std::get_if<SetScrub>(&tasks_.front())) {
      pace_.scrub_bytes_per_s = scrub->bytes_per_s;
      pace_scrub(now_ms);
    } else if (const auto* prove = std::get_if<ProveFile>(&tasks_.front())) {
      if (!is_up_) continue;
      wanted_.push_back(prove->key);
      pace_scrub(now_ms);
    } else if (const auto* list = std::get_if<ListBlocks>(&tasks_.front())) {
      if (!is_up_) continue;
      to_list_.push_back(*list);
      plan_listing(now_ms);
    } else {
      return;
    }
  }
}

/// Takes the next round's tasks out of the queue, which holds at least one for the disk.
std::vector<FolderTask> FolderKeeper::next_round() {
  std::vector<FolderTask> round;
  do {
    round.push_back(std::move(tasks_.front()));
    tasks_.pop_front();
    // Only StoreFile tasks share a round, since each is for one file; another task may be long.
  } while (round.size() < limits::kFolderStepFiles && !tasks_.empty() &&
           std::holds_alternative<StoreFile>(round.back()) &&
           std::holds_alternative<StoreFile>(tasks_.front()));
  return round;
}

void FolderKeeper::on_round_step(RoundStep step, uint64_t now_ms) {
  // An event may lead to the next step, or the next round, before the others are reported.
  round_step_since_ms_.reset();
  if (step.is_last) {
    round_size_ = 0;
    round_removals_.clear();
  }
  for (TaskEnd& end : step.ends) on_task_end(std::move(end));
  run_tasks(now_ms);
}

void FolderKeeper::on_task_end(TaskEnd&& end) {
  if (!end.trouble.empty()) set_down(end.trouble);
  if (!end.event) return;
  const auto* stored = std::get_if<FileStored>(&*end.event);
  if (is_scanning_ && stored && !stored->is_stored) gone_.insert(stored->key);
  if (const auto* unlinked = std::get_if<FilesUnlinked>(&*end.event)) {
    unlinked_.push_back(*unlinked);
    release_scrubbed();
  } else {
    on_event_(std::move(*end.event));
  }
}

// --- Health ---

void FolderKeeper::start_probe(uint64_t now_ms) {
  probe_due_ms_ = now_ms + pace_.probe_every_ms;
  if (!down_why_.empty()) {
    on_event_(FolderHealth{.is_up = false, .why = std::exchange(down_why_, {})});
  }
  if (is_stuck(now_ms)) {
    set_down("the disk has not answered for " + std::to_string(limits::kFolderSilentMs / 1000) +
             " s");
  }
  if (probe_since_ms_) return;
  probe_since_ms_ = now_ms;
  disk_.probe(is_up_ ? ProbeAfter::kHealth : ProbeAfter::kTrouble);
}

void FolderKeeper::on_probe(const ProbeResult& result, uint64_t now_ms) {
  probe_since_ms_.reset();
  if (!result.is_ok) return set_down(result.why);
  if (result.is_new) set_down("the folder was deleted or replaced");
  if (!is_stuck(now_ms)) set_up(now_ms);
}

bool FolderKeeper::is_stuck(uint64_t now_ms) const {
  const auto hangs = [now_ms](std::optional<uint64_t> since_ms) {
    return since_ms && now_ms - *since_ms > limits::kFolderSilentMs;
  };
  return hangs(round_step_since_ms_) || hangs(probe_since_ms_);
}

void FolderKeeper::set_down(const std::string& why) {
  if (!std::exchange(is_up_, false)) return;
  is_scanning_ = false;
  wanted_.clear();
  to_list_.clear();
  is_listing_begun_ = false;
  list_due_ms_.reset();
  on_event_(FolderHealth{.is_up = false, .why = why});
}

void FolderKeeper::set_up(uint64_t now_ms) {
  if (std::exchange(is_up_, true)) return;
  on_event_(FolderHealth{.is_up = true, .why = {}});
  if (is_scan_wanted_) begin_scan(now_ms);
}

}  // namespace daphnis::broker

#include "broker/cache/cache.h"

/// The part of the cache that looks through its files for what another list denies: one file after
/// the other, by the blocks that their trailers list, in the background. Until that is over workers
/// judge each file by themselves when they open it. Which list has judged an entry outlives the
/// broker, in the snapshot.
namespace daphnis::broker {

void Cache::on_denylist() {
  // Files that are being stored were judged by the list before.
  std::vector<RequestKey> storing;
  for (const auto& [key, spool] : storing_by_key_) storing.push_back(key);
  for (const RequestKey& key : storing) drop(key);
  begin_sweep();
  pump();
}

void Cache::begin_sweep() {
  sweep_cursor_ = 0;
  judged_ = 0;
  if (index_) index_->set_denylist(context_.denials.id());
  is_sweeping_ = index_ != nullptr && context_.denials.id() != 0;
  context_.denials.set_swept(!is_sweeping_);
  to_judge_.clear();
  judging_.reset();
  judge_next();
}

/// Gives the folder the next file to judge.
void Cache::judge_next() {
  constexpr size_t kKeysAtOnce = 64;  // Each turn looks for so many.
  if (!is_sweeping_ || judging_ || !is_folder_up_ || index_->is_scanning()) return;
  while (true) {
    while (!to_judge_.empty()) {
      const RequestKey key = to_judge_.back();
      to_judge_.pop_back();
      if (!holds(key)) continue;
      judging_ = key;
      return context_.out.push(
          GiveTask{ListBlocks{.key = key, .judge = context_.denials.list().table}});
    }
    sweep_cursor_ = index_->find_unjudged(sweep_cursor_, kKeysAtOnce, to_judge_);
    if (to_judge_.empty()) break;
  }
  is_sweeping_ = false;
  context_.denials.set_swept(true);
  context_.out.log(LogLevel::kInfo,
                   LogLine("cache_swept").add("entries", index_->entries()).add("judged", judged_));
}

void Cache::on_judged(const BlocksListed& event) {
  // The folder may report a file that it was given before it went down, or for the list before.
  if (judging_ != event.key) return;
  judging_.reset();
  ++judged_;
  if (event.verdict == BlocksListed::Verdict::kMay) index_->on_judged(event.key);
  if (event.verdict == BlocksListed::Verdict::kDenied && holds(event.key)) {
    drop_denied(event.key, {.denylist_id = context_.denials.id(),
                            .rule = event.denial.rule,
                            .is_legal = event.denial.is_legal});
  }
  judge_next();
}

/// Drops a file with a denied block. Who asks for it next is refused at once.
void Cache::drop_denied(const RequestKey& key, const ipc::DeniedBy& by) {
  context_.counters.cache_denied += holds(key) ? 1 : 0;
  if (by.rule != 0) context_.denials.remember(key, by);
  drop(key);
}

}  // namespace daphnis::broker

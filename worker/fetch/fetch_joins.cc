// The part of Fetch by which other workers read along in its spool, and by which it reads along in
// theirs.

#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/fetch/fetch.h"

namespace daphnis::worker {

// --- Others that read along ---

void Fetch::on_spool_moved(uint64_t now_ms) {
  if (state_ == State::kEnded) return;
  give_all(now_ms);
  adjust_flow(now_ms);
}

void Fetch::on_wanted(uint64_t now_ms) {
  is_reported_ = true;
  if (is_stale_) return report_failure();
  adjust_flow(now_ms);
}

void Fetch::report(uint64_t now_ms) {
  if (!is_reported_ || has_reported_end_) return;
  const bool is_waiting = state_ == State::kAsking && !joined_file_;
  const bool is_spooled = spool_ && spool_->begin() == 0 && spool_->state() < Spool::State::kStored;
  if (!is_spooled) {
    if (!is_waiting) report_failure();
    return;
  }
  const uint64_t written = spool_->written();
  const bool is_whole = total_ && written == *total_;
  const bool is_far = written >= reported_bytes_ + limits::kJoinStepBytes;
  const bool is_due = reported_bytes_ == 0 || now_ms >= reported_ms_ + limits::kJoinEveryMs;
  if (!is_whole && written == reported_bytes_) return;
  if (!is_whole && !is_far && !is_due) {
    return context_.agenda.call_at(id_, reported_ms_ + limits::kJoinEveryMs);
  }
  has_reported_end_ = is_whole;
  reported_bytes_ = written;
  reported_ms_ = now_ms;
  context_.broker.send(ipc::FetchProgress{
      std::to_underlying(question_id_), is_whole ? ipc::JoinState::kWhole : ipc::JoinState::kGoing,
      written, spool_->path()});
  if (is_whole) context_.agenda.call_at(id_, now_ms + limits::kSpoolLingerMs);
}

void Fetch::report_failure() {
  if (!is_reported_ || has_reported_end_) return;
  is_reported_ = false;
  context_.broker.send(ipc::FetchProgress{.fetch_id = std::to_underlying(question_id_),
                                          .state = ipc::JoinState::kFailed,
                                          .bytes = 0,
                                          .path = {}});
}

// --- Reading along ---

Join& Fetch::set_join(Join join) {
  forget_join();
  return join_.emplace(std::move(join));
}

void Fetch::forget_join() {
  if (join_ && !is_none(join_->look)) context_.cache.forget(join_->look);
  join_.reset();
}

void Fetch::on_joined(FileRef file, uint64_t bytes, bool is_whole, uint64_t now_ms) {
  if (!takes_file()) return;
  if (bytes >= joined_bytes_) {  // A file that is shorter than the last one brings nothing.
    joined_file_ = std::move(file);
    joined_bytes_ = bytes;
  }
  deadline_ms_ = kNever;
  if (is_whole) {
    total_ = bytes;
    state_ = State::kWhole;
  }
  give_all(now_ms);
  adjust_flow(now_ms);
}

void Fetch::on_cached(const CachedFile& cached, uint64_t now_ms) {
  if (!takes_file()) return;
  if (!has_begun()) stored_s_ = cached.stored_s;
  const uint64_t bytes = cached.footer.body_bytes;
  check(bytes >= window_.end(), "a cached file is shorter than its content's output");
  if (cached.file) return on_joined(cached.file, bytes, true, now_ms);
  Slices body{cached.body};
  end_with(body, now_ms);
}

void Fetch::on_block(Slices& output, int64_t stored_s, uint64_t now_ms) {
  check(state_ == State::kAsking && !has_begun(), "a block came to a fetch that has output");
  stored_s_ = stored_s;
  end_with(output, now_ms);
}

/// Ends with all of the output, from its first byte on.
void Fetch::end_with(Slices& output, uint64_t now_ms) {
  state_ = State::kWhole;
  total_ = total_size(output);
  (void)window_.append_at(0, output);
  give_all(now_ms);
  adjust_flow(now_ms);
}

void Fetch::on_join_lost(uint64_t deadline_ms) {
  if (deadline_ms_ == kNever || has_begun()) deadline_ms_ = deadline_ms;
}

bool Fetch::seek_place(const WalkBudget& budget) {
  if (!is_joined() || request_.format != AnswerFormat::kCar) return false;
  finder_ = std::make_unique<PlaceFinder>(joined_file_, joined_bytes_, request_, budget,
                                          context_.cache, context_.agenda, id_);
  return true;
}

bool Fetch::go_on_seeking(uint64_t now_ms) {
  finder_->step(now_ms);
  if (finder_->state() == PlaceFinder::State::kSeeking) return false;
  const auto finder = std::exchange(finder_, nullptr);
  deadline_ms_ = now_ms + context_.settings.request_ms;
  switch (finder->state()) {
    case PlaceFinder::State::kFound:
      // What lies below is in the joined file, which may reach into the block that is due.
      position_ = finder->take_place();
      window_.start_at(position_->output_bytes());
      state_ = State::kStreaming;
      break;
    case PlaceFinder::State::kWhole:
      on_joined(joined_file_, joined_bytes_, true, now_ms);
      break;
    case PlaceFinder::State::kUnknown:
    case PlaceFinder::State::kSeeking:
      finds_place_ = false;
      break;
  }
  return true;
}

}  // namespace daphnis::worker

// The part of Fetch for slow readers: they leave it, or it yields its sources.

#include <algorithm>
#include <vector>

#include "worker/fetch/fetch.h"

namespace daphnis::worker {

Fetch::Fetch(FetchId id, Fetch& shared, FetchReader& straggler, uint64_t now_ms)
    : Fetch(id, shared.request_, shared.key_, straggler.trace_id(), kNever, shared.context_,
            shared.context_.pinned_by_loners) {
  is_alone_ = asks_alone_ = has_yielded_ = true;
  may_spool_ = false;
  state_ = State::kStreaming;
  attempts_ = shared.attempts_;
  l2_id_ = shared.l2_id_;
  used_sources_ = shared.used_sources_;
  has_met_lies_ = shared.has_met_lies_;
  if (const FilePart part = shared.file_at(straggler.read_); part.file) {
    joined_file_ = *part.file;
    joined_bytes_ = part.end;
  }
  const uint64_t from = window_need(straggler.read_);
  window_.start_at(from);
  shared.window_.read(from, SIZE_MAX, scratch_);
  window_.append(scratch_);
  position_ = shared.position();
  shared.detach(straggler);
  readers_.push_back(&straggler);
  straggler.behind_since_ms_ = kNever;
  straggler.on_moved(*this);
  adjust_flow(now_ms);
  shared.adjust_flow(now_ms);
}

/// True where a reader waits for output that is not there.
bool Fetch::has_hungry_reader() const {
  return std::ranges::any_of(readers_, [&](const FetchReader* reader) {
    return reader && !reader->is_full() && window_need(reader->read_) >= window_.end();
  });
}

/// True while a spool is written, which holds what slow readers have yet to read.
bool Fetch::is_spooling() const {
  return spool_ && spool_->is_writing();
}

/// Notes since when others have waited for each reader that is far behind: in the back half of what
/// a full window holds, until it has come to the front half.
void Fetch::note_slow_readers(const Slowest& slowest, uint64_t now_ms) {
  if (!is_blocked_ && !has_slow_readers_) return;
  has_slow_readers_ = false;
  if (readers_.size() < 2) {
    for (FetchReader* reader : readers_) {
      if (reader) reader->behind_since_ms_ = kNever;
    }
    return;
  }
  const uint64_t held = window_.end() - std::min(slowest.need, window_.end());
  const uint64_t far = is_blocked_ ? held : context_.window_bytes_max;
  for (FetchReader* reader : readers_) {
    if (!reader) continue;
    const uint64_t need = window_need(reader->read_);
    const uint64_t lag = window_.end() - std::min(need, window_.end());
    if (2 * lag < far || (is_blocked_ && !reader->is_full())) {
      reader->behind_since_ms_ = kNever;
    } else if (is_blocked_ && reader->behind_since_ms_ == kNever && has_hungry_reader()) {
      await(*reader, now_ms);
    }
    has_slow_readers_ |= reader->behind_since_ms_ != kNever;
  }
}

/// Notes that others wait for the reader from now on.
void Fetch::await(FetchReader& reader, uint64_t now_ms) {
  reader.behind_since_ms_ = now_ms;
  reader.taken_before_ = reader.taken();
  context_.agenda.call_at(id_, now_ms + context_.settings.loner_after_ms);
}

bool Fetch::is_straggler(const FetchReader& reader, uint64_t now_ms) const {
  if (reader.behind_since_ms_ == kNever || !reader.is_full()) return false;
  if (now_ms < reader.behind_since_ms_ + context_.settings.loner_after_ms) return false;
  // What one file and the window hold goes with it.
  const FilePart part = file_at(reader.read_);
  return (part.file ? part.end : reader.read_) >= window_.begin();
}

std::vector<FetchReader*> Fetch::stragglers(uint64_t now_ms) const {
  std::vector<FetchReader*> all;
  if (is_alone_ || !is_blocked_ || is_spooling() || !has_hungry_reader()) return all;
  for (FetchReader* reader : readers_) {
    if (reader && is_straggler(*reader, now_ms)) all.push_back(reader);
  }
  std::ranges::stable_sort(
      all, {}, [](const FetchReader* reader) { return reader->taken() - reader->taken_before_; });
  return all;
}

void Fetch::spare_or_cut(FetchReader& straggler, uint64_t now_ms) {
  if (straggler.taken() - straggler.taken_before_ >= context_.window_bytes_max) {
    return await(straggler, now_ms);
  }
  ++context_.slow.readers_cut;
  detach(straggler);
  straggler.on_failed(*this, Outcome::kClientSlow, 0, now_ms);
  adjust_flow(now_ms);
}

/// True where the sources can end, and others go on from there.
bool Fetch::may_yield() const {
  return state_ == State::kStreaming && !sources_.empty() && !is_spooling() && !is_skip_ignored_ &&
         std::ranges::all_of(sources_, [](const Source& source) {
           return source.proof->attempt().shape == StreamShape::kExact;
         });
}

bool Fetch::is_yield_due(uint64_t now_ms) const {
  const uint64_t after_ms = is_alone_ ? 0 : context_.settings.yield_after_ms;
  return is_paused_ && now_ms >= paused_since_ms_ + after_ms && may_yield() && position();
}

/// Ends all sources, whose L2s get their places back, until a reader wants more.
void Fetch::yield(uint64_t now_ms) {
  ++context_.slow.yields;
  position_ = position();
  has_yielded_ = asks_alone_ = true;
  deadline_ms_ = kNever;
  drop_sources(Outcome::kYielded, now_ms);
}

bool Fetch::is_resumption_due() const {
  return has_yielded_ && is_running() && !is_blocked_ && has_hungry_reader();
}

bool Fetch::take_resumption(uint64_t now_ms) {
  if (!is_resumption_due()) return false;
  has_yielded_ = false;
  begin_deadline(now_ms);
  return true;
}

/// Sees to slow readers; what follows is done by the next call, since a source's output may be in
/// the midst of being given.
void Fetch::watch_readers(const Slowest& slowest, uint64_t now_ms) {
  note_slow_readers(slowest, now_ms);
  if (is_blocked_ && is_spooling() && spool_->asked_ms() && has_slow_readers_) {
    // A spool that gets no space does not help anybody who waits.
    const uint64_t until_ms = *spool_->asked_ms() + context_.settings.loner_after_ms;
    if (now_ms >= until_ms && has_hungry_reader()) spool_->give_up();
  }
  if (is_resumption_due() || is_yield_due(now_ms) || !stragglers(now_ms).empty()) {
    context_.agenda.call_at(id_, now_ms);
  }
}

/// Notes the readers' pace, and asks for a call while the pause lasts. There is one such call at a
/// time, since pauses may be short and many.
void Fetch::watch_pause(uint64_t now_ms) {
  const Settings& settings = context_.settings;
  pace_.note(window_.end(), settings.slow_reader_window_ms, now_ms);
  if (pause_call_ms_ != kNever) return;
  const uint64_t due_ms = paused_since_ms_ + settings.yield_after_ms;
  pause_call_ms_ = std::min(due_ms > now_ms ? due_ms : now_ms + settings.yield_after_ms,
                            now_ms + settings.slow_reader_window_ms);
  context_.agenda.call_at(id_, pause_call_ms_);
}

bool Fetch::is_pacing(uint64_t now_ms) const {
  const Settings& settings = context_.settings;
  return is_paused_ && !is_spooling() && !may_yield() &&
         pace_.is_slow(window_.end(), settings.slow_reader_rate, settings.slow_reader_window_ms,
                       now_ms);
}

}  // namespace daphnis::worker

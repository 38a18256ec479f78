#include "worker/fetch/fetch.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::worker {
namespace {

/// Bytes from the window that one reader is given in one call.
constexpr size_t kGiveBytes = 512 * limits::kKiB;
/// Bytes that a window may hold for a spool where all windows together hold too much.
constexpr size_t kShortWindowBytes = limits::kSpoolPieceBytesMin;

}  // namespace

Fetch::Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
             uint64_t deadline_ms, FetchContext& context)
    : Fetch(id, std::move(request), key, std::move(trace_id), deadline_ms, context,
            context.pinned) {}

Fetch::Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
             uint64_t deadline_ms, FetchContext& context, size_t& pinned)
    : id_(id),
      request_(std::move(request)),
      key_(key),
      trace_id_(std::move(trace_id)),
      deadline_ms_(deadline_ms),
      context_(context),
      window_(pinned) {}

Fetch::~Fetch() {
  forget_join();
  end();
  for (const Source& source : sources_) source.proof->set_fetch(nullptr);
}

// --- Readers ---

bool Fetch::is_joinable() const {
  return state_ != State::kEnded && !is_alone_ && !is_stale_ && window_need(0) >= window_.begin();
}

void Fetch::add_reader(FetchReader& reader, uint64_t now_ms) {
  check(is_joinable(), "a reader came to a fetch whose beginning is lost");
  reader.read_ = 0;
  reader.behind_since_ms_ = kNever;
  readers_.push_back(&reader);
  give(reader, now_ms);
  adjust_flow(now_ms);
}

void Fetch::remove_reader(FetchReader& reader, uint64_t now_ms) {
  detach(reader);
  adjust_flow(now_ms);
}

void Fetch::detach(FetchReader& reader) {
  const auto found = std::ranges::find(readers_, &reader);
  check(found != readers_.end(), "a reader left that was not there");
  if (is_giving_) {
    *found = nullptr;
  } else {
    readers_.erase(found);
  }
}

void Fetch::on_reader_space(FetchReader& reader, uint64_t now_ms) {
  give(reader, now_ms);
  adjust_flow(now_ms);
}

/// Gives the reader output that it has not read, until it is full or there is no more.
void Fetch::give(FetchReader& reader, uint64_t now_ms) {
  while (!reader.is_full()) {
    if (const FilePart part = file_at(reader.read_); part.file) {
      FileRange range{.file = *part.file, .offset = reader.read_, .size = part.end - reader.read_};
      reader.read_ = part.end;
      reader.on_file_output(*this, std::move(range), now_ms);
    } else if (reader.read_ < window_.end()) {
      scratch_.clear();
      window_.read(reader.read_, kGiveBytes, scratch_);
      reader.read_ += total_size(scratch_);
      reader.on_output(*this, scratch_, now_ms);
    } else {
      break;
    }
  }
  if (!total_ || reader.read_ < *total_) return;
  detach(reader);
  reader.on_whole(*this, now_ms);
}

void Fetch::give_all(uint64_t now_ms) {
  is_giving_ = true;
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i]) give(*readers_[i], now_ms);
  }
  is_giving_ = false;
  std::erase(readers_, nullptr);
}

// --- What is held where ---

Fetch::FilePart Fetch::file_at(uint64_t offset) const {
  FilePart part;
  if (joined_file_ && offset < joined_bytes_) part = {&joined_file_, joined_bytes_};
  const bool is_spooled =
      spool_ && spool_->file() && spool_->begin() <= offset && offset < spool_->written();
  if (is_spooled && spool_->written() > part.end) part = {&spool_->file(), spool_->written()};
  return part;
}

uint64_t Fetch::window_need(uint64_t offset) const {
  for (FilePart part = file_at(offset); part.file; part = file_at(offset)) offset = part.end;
  return offset;
}

Fetch::Slowest Fetch::slowest() const {
  Slowest slowest{.need = kNever};
  for (const FetchReader* reader : readers_) {
    if (!reader) continue;
    const uint64_t need = window_need(reader->read_);
    if (need > slowest.need) continue;
    slowest = {.need = need,
               .is_full = (need == slowest.need && slowest.is_full) || reader->is_full()};
  }
  return slowest;
}

/// True where the sources must wait: for the spool to be written, or for the slowest reader.
bool Fetch::is_blocked(const Slowest& slowest) const {
  const bool is_spooling = this->is_spooling();
  const uint64_t held_from = is_spooling ? spool_->written() : slowest.need;
  const uint64_t held = window_.end() > held_from ? window_.end() - held_from : 0;
  size_t may_hold = context_.window_bytes_max;
  if (is_short()) may_hold = is_spooling ? kShortWindowBytes : 0;
  const bool is_pinning = window_.pinned_bytes() >= 2 * may_hold && window_.begin() >= held_from;
  if (held < may_hold && !is_pinning) return false;
  return is_spooling ? held > 0 : slowest.is_full;
}

/// Drops from the window what is neither to be spooled nor needed by a reader. While the output is
/// small, its beginning stays for late readers.
void Fetch::trim(const Slowest& slowest) {
  if (is_spooling()) return window_.drop_before(spool_->written());
  if (is_large()) window_.drop_before(slowest.need);
}

/// True where the window may not hold all of the output.
bool Fetch::is_large() const {
  const size_t bytes_max = context_.window_bytes_max;
  return window_.end() >= bytes_max || window_.pinned_bytes() >= 2 * bytes_max || is_short();
}

void Fetch::consider_spool(bool is_blocked) {
  if (!may_spool_ || window_.end() == 0) return;
  const bool is_whole = total_.has_value();
  const bool is_small = window_.end() <= limits::kAdmitSmallBytesMax;
  const bool has_start = window_.begin() == 0;
  const bool is_admitted = has_start && !is_forgeable(request_.root) &&
                           (admission_ == ipc::Admission::kYes ||
                            (admission_ == ipc::Admission::kIfSmall && is_whole && is_small));
  const bool is_due = is_admitted && (is_whole || !is_small);
  if (!is_due && !is_blocked && !(is_reported_ && has_start)) return;
  may_spool_ = false;
  spool_ = context_.spools.open(id_, request_, window_.begin(), is_admitted && !is_stale_);
  if (spool_) spool_->set_judged_by(judged_by_);
}

void Fetch::pump_spool(bool is_blocked, uint64_t now_ms) {
  const auto asked_before = spool_->asked_ms();
  spool_->pump(window_, total_, is_blocked || is_reported_, now_ms);
  const auto asked = spool_->asked_ms();
  if (!asked || asked == asked_before) return;
  context_.agenda.call_at(id_, *asked + limits::kSpoolReservationMs);
}

void Fetch::adjust_flow(uint64_t now_ms) {
  if (state_ == State::kEnded) return;
  const bool was_large = is_large();
  const Slowest slow = was_large ? slowest() : Slowest{.need = 0};
  consider_spool(was_large && is_blocked(slow));
  if (spool_) pump_spool(was_large && is_blocked(slow), now_ms);
  trim(slow);
  is_blocked_ = was_large && is_blocked(slow);
  pause(now_ms);
  watch_readers(slow, now_ms);
  report(now_ms);
}

void Fetch::pause(uint64_t now_ms) {
  if (sources_.empty() || std::exchange(is_paused_, is_blocked_) == is_blocked_) return;
  if (is_paused_) {
    paused_since_ms_ = now_ms;
    watch_pause(now_ms);
  }
  for (const Source& source : sources_) {
    if (is_paused_) {
      source.proof->pause(Pause::kClientSlow, now_ms);
    } else {
      source.proof->resume(Pause::kClientSlow, now_ms);
    }
  }
}

// --- The broker ---

void Fetch::on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms) {
  attempts_ = std::max(attempts_, refusal.attempts);
  // The broker knows that attempts failed; only this worker knows how.
  const bool lied = refusal.reason == Outcome::kL2sFailed && has_met_lies_;
  fail(lied ? Outcome::kLied : refusal.reason, refusal.retry_after_s, now_ms);
}

void Fetch::fail(Outcome why, uint32_t retry_after_s, uint64_t now_ms) {
  end();
  drop_sources(Outcome::kCancelled, now_ms);
  for (FetchReader* reader : std::exchange(readers_, {})) {
    reader->on_failed(*this, why, retry_after_s, now_ms);
  }
}

void Fetch::cancel(uint64_t now_ms) {
  end();
  drop_sources(Outcome::kCancelled, now_ms);
}

void Fetch::end() {
  if (std::exchange(state_, State::kEnded) == State::kEnded) return;
  report_failure();
  if (spool_) spool_->release();
  spool_ = nullptr;
  joined_file_.reset();
  finder_.reset();
}

void Fetch::on_time(uint64_t now_ms) {
  if (is_yield_due(now_ms)) yield(now_ms);
  if (now_ms >= pause_call_ms_) {
    pause_call_ms_ = kNever;
    if (is_paused_ && !sources_.empty()) watch_pause(now_ms);
  }
  if (spool_) {
    const auto asked_ms = spool_->asked_ms();
    const bool is_late = asked_ms && now_ms >= *asked_ms + limits::kSpoolReservationMs;
    if (is_late && (is_paused_ || total_)) spool_->give_up();
    adjust_flow(now_ms);
  }
}

bool Fetch::is_wanted(uint64_t now_ms) const {
  if (state_ == State::kEnded) return false;
  if (!readers_.empty() || is_filling_cache() || may_warm()) return true;
  if (!is_reported_) return false;
  return !has_reported_end_ || now_ms < reported_ms_ + limits::kSpoolLingerMs;
}

bool Fetch::may_warm() const {
  return is_warming_ && is_running() && may_spool_ && !joined_file_ && window_.begin() == 0;
}

}  // namespace daphnis::worker

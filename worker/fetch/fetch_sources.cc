// The part of Fetch for its sources: how they race, and how one carries on where another has ended.

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/request/denial_outcome.h"
#include "worker/fetch/fetch.h"

namespace daphnis::worker {
namespace {

/// The failure where proven bytes show that no L2 can serve the request.
Outcome content_failure(Errc code) {
  if (code == Errc::kNotFound) return Outcome::kPathNotFound;
  if (code == Errc::kInvalid) return Outcome::kPathNotALink;
  if (code == Errc::kTooLarge) return Outcome::kContentTooLarge;
  return Outcome::kUnsupportedContent;
}

ipc::Resume resume_at(const ProofPosition& place) {
  const Bytes next = place.next().bytes();
  return {.skip = place.visits(), .next = {next.begin(), next.end()}};
}

}  // namespace

ipc::Fetch Fetch::ask(QuestionId question_id, bool must_not_join, uint64_t now_ms) {
  question_id_ = question_id;
  ipc::Resume place = resume();
  has_asked_to_skip_ = asks_alone_ && place.skip > 0;
  const ipc::BlockFile block_file = takes_block() ? block_file_ : ipc::BlockFile::kNo;
  if (block_file_ == ipc::BlockFile::kLost) block_file_ = ipc::BlockFile::kNo;  // It is said once.
  const uint64_t left = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 1;
  return {.fetch_id = std::to_underlying(question_id),
          .request = request_,
          .key = key_,
          .trace_id = trace_id_,
          .deadline_ms = static_cast<uint32_t>(std::min<uint64_t>(left, UINT32_MAX)),
          .must_not_join = must_not_join,
          .resume = std::move(place),
          .is_alone = asks_alone_,
          .has_output = state_ == State::kAsking && is_joined(),
          .finds_place = finds_place_ && request_.format == AnswerFormat::kCar,
          .client_network = std::to_underlying(client_),
          .block_file = block_file,
          .only_cached = asks_only_cache_};
}

void Fetch::add_source(Proof& proof, ipc::Admission admission, uint64_t now_ms) {
  check(takes_source(), "a source came to a fetch that takes none");
  if (sources_.empty()) {
    is_paused_ = false;
    admission_ = is_warming_ ? ipc::Admission::kYes : admission;
    l2_id_ = proof.attempt().l2_id;
  }
  sources_.push_back({.proof = &proof});
  proof.set_fetch(this);
  if (state_ == State::kStreaming) proof.allow_other_beginning();
  if (is_paused_) proof.pause(Pause::kClientSlow, now_ms);
  attempts_ = std::max(attempts_ + 1, proof.attempt().number);
}

/// The position of a source, where it is that of the output: at the window's end.
std::optional<ProofPosition> Fetch::position_of(const Source& source) const {
  if (source.next != window_.end()) return std::nullopt;
  auto position = source.proof->position();
  if (position && position->output_bytes() != window_.end()) return std::nullopt;
  return position;
}

/// Where the output has come to; nullopt where no block is due next, or nobody knows.
std::optional<ProofPosition> Fetch::position() const {
  if (position_) return position_;
  for (const Source& source : sources_) {
    if (auto position = position_of(source)) return position;
  }
  return std::nullopt;
}

ipc::Resume Fetch::resume() const {
  if (position_) return resume_at(*position_);  // Without a copy, which can be large.
  const auto place = position();
  return place ? resume_at(*place) : ipc::Resume{};
}

void Fetch::on_source_skips(Proof& proof, uint64_t visits, uint64_t now_ms) {
  auto place = position();
  if (!place || place->visits() != visits) return proof.give_up(Outcome::kOvertaken, now_ms);
  go_on_from(std::move(*place), proof);
}

void Fetch::on_source_begins_elsewhere(Proof& proof) {
  if (auto place = position()) go_on_from(std::move(*place), proof);
}

void Fetch::go_on_from(ProofPosition place, Proof& proof) {
  source_of(proof).next = window_.end();
  proof.go_on_from(std::move(place), request_);
}

Fetch::Source& Fetch::source_of(const Proof& proof) {
  const auto found = std::ranges::find(sources_, &proof, &Source::proof);
  check(found != sources_.end(), "a proof feeds a fetch that does not know it");
  return *found;
}

void Fetch::remove_source(Proof& proof) {
  const size_t erased =
      std::erase_if(sources_, [&](const Source& source) { return source.proof == &proof; });
  check(erased == 1, "a proof feeds a fetch that does not know it");
  proof.set_fetch(nullptr);
}

void Fetch::on_output(const Proof& proof, Slices& output, uint64_t now_ms) {
  Source& source = source_of(proof);
  const uint64_t from = source.next;
  const uint64_t end_before = window_.end();
  is_skip_ignored_ |= has_asked_to_skip_ && from < end_before;
  source.next += total_size(output);
  if (!window_.append_at(from, output)) return;
  source.proof->note_used(window_.end() - end_before);
  state_ = State::kStreaming;
  position_.reset();
  used_sources_.add(proof.attempt().l2_id);
  end_others(proof, now_ms);
  give_all(now_ms);
  adjust_flow(now_ms);
}

void Fetch::on_whole(Proof& proof, uint64_t now_ms) {
  check(source_of(proof).next == window_.end(), "the whole output has another length than before");
  remove_source(proof);
  state_ = State::kWhole;
  total_ = window_.end();
  drop_sources(Outcome::kCancelled, now_ms);
  give_all(now_ms);
  adjust_flow(now_ms);
}

/// Ends all sources but the one that has put out the next byte first.
void Fetch::end_others(const Proof& winner, uint64_t now_ms) {
  if (sources_.size() < 2) return;
  for (const Source& source : std::vector<Source>(sources_)) {
    if (source.proof == &winner) continue;
    remove_source(*source.proof);
    source.proof->give_up(Outcome::kOvertaken, now_ms);
  }
}

/// Ends the attempts of all sources.
void Fetch::drop_sources(Outcome why, uint64_t now_ms) {
  for (const Source& source : std::exchange(sources_, {})) {
    source.proof->set_fetch(nullptr);
    source.proof->give_up(why, now_ms);
  }
}

bool Fetch::on_source_ended(Proof& proof, uint64_t now_ms) {
  if (state_ == State::kStreaming) {
    if (auto place = position_of(source_of(proof))) position_ = std::move(place);
  }
  remove_source(proof);
  if (proof.is_content_fault()) {
    const auto& denial = proof.denial();
    fail(denial ? outcome_of(*denial) : content_failure(proof.failure()->code), 0, now_ms);
    return false;
  }
  has_met_lies_ |= proof.outcome() == Outcome::kLied;
  if (may_begin_anew()) {
    proof.forget_used();
    begin_anew(now_ms);
  } else if (state_ == State::kStreaming && sources_.empty()) {
    renew_deadline(now_ms);
  }
  if (!is_wanted(now_ms)) {
    end();
    drop_sources(Outcome::kCancelled, now_ms);
    return false;
  }
  // A source that is left has deadlines of its own.
  if (sources_.empty() && now_ms >= deadline_ms_) {
    fail(Outcome::kDeadline, 0, now_ms);
    return false;
  }
  return true;
}

/// Gives the next source as long as the first had, where the last ones have brought output or were
/// kept from it by the readers. However many bring nothing, they have that time together.
void Fetch::renew_deadline(uint64_t now_ms) {
  if (window_.end() <= renewed_at_bytes_ && !is_paused_) return;
  renewed_at_bytes_ = window_.end();
  begin_deadline(now_ms);
}

void Fetch::begin_deadline(uint64_t now_ms) {
  deadline_ms_ = now_ms + context_.settings.request_ms;
  context_.agenda.call_at(id_, deadline_ms_ + limits::kDeadlineGraceMs);
}

/// True where output has come, and nothing of it has gone out to anyone.
bool Fetch::may_begin_anew() const {
  return state_ == State::kStreaming && sources_.empty() && !asks_alone_ && !readers_.empty() &&
         reported_bytes_ == 0 && std::ranges::all_of(readers_, &FetchReader::may_begin_anew);
}

/// Forgets all output. Only where may_begin_anew().
void Fetch::begin_anew(uint64_t now_ms) {
  state_ = State::kAsking;
  position_.reset();
  is_blocked_ = is_paused_ = has_slow_readers_ = false;
  if (Spool* spool = std::exchange(spool_, nullptr)) spool->release();
  may_spool_ = true;
  joined_file_.reset();
  joined_bytes_ = 0;
  window_.clear();
  renewed_at_bytes_ = 0;
  used_sources_.clear();
  for (FetchReader* reader : readers_) {
    reader->read_ = 0;
    reader->behind_since_ms_ = kNever;
    reader->begin_anew(now_ms);
  }
}

}  // namespace daphnis::worker

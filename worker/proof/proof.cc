#include "worker/proof/proof.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/proof/verifier_fault.h"

namespace daphnis::worker {
namespace {

/// The CAR's bytes that are kept until it is known where the CAR begins: its header, and the head
/// of the first section.
constexpr size_t kStartBytesMax = 64 * limits::kKiB;

Outcome outcome_of_failure(const Verifier& verifier) {
  switch (fault_of(verifier)) {
    case Fault::kContent:
      return Outcome::kComplete;
    case Fault::kNobody:
    case Fault::kElsewhere:
      return Outcome::kHandOffLost;  // The worker could not use the bytes.
    case Fault::kStream:
      break;
  }
  const bool is_cut = verifier.failure().code == Errc::kTruncated;
  return is_cut ? Outcome::kAborted : Outcome::kLied;
}

}  // namespace

Proof::Proof(Attempt attempt, const CarRequest& request, const Context& context, ProofFeed& feed,
             uint64_t now_ms)
    : attempt_(std::move(attempt)),
      context_(context),
      feed_(feed),
      verifier_(request, attempt_.shape, context.settings.budget),
      wants_whole_dag_(asks_for_whole_dag(request)),
      started_ms_(now_ms) {}

Proof::~Proof() {
  check(fetch_ == nullptr, "a proof died that feeds a fetch");
}

void Proof::start(uint64_t now_ms) {
  stall_.start(context_.settings.l2_first_block_ms, now_ms);
  silence_.start(context_.settings.l2_slow_ms, now_ms);
  call_at_next_deadline();
}

void Proof::call_at_next_deadline() {
  feed_.call_proof_at(
      std::min({stall_.deadline_ms(), rate_.ends_ms(), silence_.deadline_ms(), pace_.ends_ms()}));
}

void Proof::on_skip(uint64_t visits, uint64_t now_ms) {
  check(car_bytes_ == 0, "a skip was told of after bytes");
  context_.listener.on_proof_skips(*this, visits, now_ms);
}

void Proof::go_on_from(ProofPosition position, const CarRequest& request) {
  check(verifier_.blocks_proven() == 0, "a proof goes on after blocks of its own");
  may_begin_elsewhere_ = false;
  verifier_ = Verifier(std::move(position), request, context_.settings.budget);
}

bool Proof::wants_input() const {
  switch (phase_) {
    case Phase::kProving:
      return !paused_.any() && !verifier_.has_more_output();
    case Phase::kTail:
      return true;
    case Phase::kRepeating:
    case Phase::kOver:
      return false;
  }
  return false;
}

void Proof::on_bytes(const Slice& bytes, uint64_t now_ms) {
  car_bytes_ += bytes.size;
  if (is_content_fault()) return;
  const bool is_padding =
      phase_ == Phase::kTail && verifier_.surplus_bytes() == 0 &&
      std::ranges::all_of(bytes.bytes(), [](uint8_t byte) { return byte == 0; });
  const Verifier::State state = verify(bytes);
  // Zero bytes beyond those that the verifier reads as padding are no lie.
  const bool is_enough = is_padding && verifier_.surplus_bytes() > 0;
  if (is_enough) return decide(Outcome::kComplete, now_ms);
  on_verified(state, now_ms);
}

/// Gives the bytes to the verifier. Where the CAR turns out to begin elsewhere than at the root,
/// and may do so, all of its bytes go to the verifier that goes on from there.
Verifier::State Proof::verify(const Slice& bytes) {
  const Verifier::State state = verifier_.on_bytes(bytes, proven_);
  if (!may_begin_elsewhere_) return state;
  const bool is_elsewhere = state == Verifier::State::kFailed && !verifier_.is_content_fault() &&
                            verifier_.failure().code == Errc::kUnexpected;
  if (verifier_.blocks_proven() > 0 || start_.size() + bytes.size > kStartBytesMax) {
    may_begin_elsewhere_ = false;
  } else if (state == Verifier::State::kMore) {
    start_.insert(start_.end(), bytes.data, bytes.data + bytes.size);
    return state;
  }
  const std::vector<uint8_t> start = std::exchange(start_, {});
  if (!is_elsewhere || verifier_.blocks_proven() > 0) return state;
  context_.listener.on_proof_begins_elsewhere(*this);
  if (verifier_.state() == Verifier::State::kFailed) return state;
  if (!start.empty()) (void)verifier_.on_bytes(Slice::copy_of(start), proven_);
  return verifier_.on_bytes(bytes, proven_);
}

/// Acts on the verifier's state once the walk is over or the CAR is of no more use.
void Proof::on_verified(Verifier::State state, uint64_t now_ms) {
  if (state == Verifier::State::kMore) return;
  if (state == Verifier::State::kFailed) {
    failure_ = verifier_.failure();
    // An honest L2 sends no more than the blocks up to here. Where the CAR ends with this input,
    // its connection is kept.
    if (is_content_fault()) {
      phase_ = Phase::kTail;
      return;
    }
    return decide(outcome_of_failure(verifier_), now_ms);
  }
  if (phase_ == Phase::kProving) {
    phase_ = Phase::kTail;
    flush_output(now_ms);
    stop_clocks();
    stall_.start(limits::kL2TailMs, now_ms);
    call_at_next_deadline();
    context_.listener.on_proof_whole(*this, now_ms);
  }
  if (verifier_.surplus_bytes() == 0) return;
  // A legacy L2 sends the whole DAG whatever was asked for; bytes after the end of the walk are no
  // lie then.
  const bool is_honest = attempt_.shape == StreamShape::kWholeDag && !wants_whole_dag_;
  if (!is_honest) failure_ = Error{Errc::kUnexpected, 0, "bytes after the end of the walk"};
  decide(is_honest ? Outcome::kComplete : Outcome::kLied, now_ms);
}

void Proof::on_input_used(uint64_t now_ms) {
  if (is_content_fault()) return decide(Outcome::kComplete, now_ms);
  flush_output(now_ms);
  put_out_repeats(now_ms);
  restart_clocks(now_ms);
}

void Proof::on_end(uint64_t now_ms) {
  stop_clocks();
  const bool was_proving = phase_ == Phase::kProving;
  phase_ = Phase::kRepeating;
  const Verifier::State state = was_proving ? verifier_.on_end(proven_) : verifier_.state();
  flush_output(now_ms);
  if (!was_proving) return decide(Outcome::kComplete, now_ms);
  if (state != Verifier::State::kMore) return on_all_proven(state, now_ms);
  put_out_repeats(now_ms);
}

/// Takes the end of the walk, which has come at or after the end of the CAR.
void Proof::on_all_proven(Verifier::State state, uint64_t now_ms) {
  if (state == Verifier::State::kComplete) {
    context_.listener.on_proof_whole(*this, now_ms);
    return decide(Outcome::kComplete, now_ms);
  }
  const bool may_be_empty = says_not_found_ || attempt_.shape == StreamShape::kWholeDag;
  if (car_bytes_ == 0 && may_be_empty) return decide(Outcome::kNotFound, now_ms);
  failure_ = verifier_.failure();
  decide(outcome_of_failure(verifier_), now_ms);
}

void Proof::on_cut(uint64_t now_ms) {
  if (phase_ == Phase::kTail) return decide(Outcome::kComplete, now_ms);
  if (phase_ != Phase::kProving) return;  // All of the CAR is here.
  const bool is_not_found = car_bytes_ == 0 && attempt_.shape == StreamShape::kWholeDag;
  decide(is_not_found ? Outcome::kNotFound : Outcome::kAborted, now_ms);
}

void Proof::on_malformed(std::string_view what, uint64_t now_ms) {
  // What proven blocks show of the content holds, whatever follows them.
  if (!is_content_fault()) failure_ = Error{Errc::kMalformed, 0, std::string(what)};
  decide(Outcome::kLied, now_ms);
}

void Proof::on_time(uint64_t now_ms) {
  if (outcome_) return;
  put_out_repeats(now_ms);
  if (outcome_) return;
  if (stall_.has_passed(now_ms)) {
    return decide(phase_ == Phase::kTail ? Outcome::kComplete : Outcome::kStalled, now_ms);
  }
  if (rate_.is_too_slow(car_bytes_, context_.settings.l2_rate_min, now_ms)) {
    failure_ = Error{Errc::kTruncated, 0, "slower than the least rate"};
    return decide(Outcome::kStalled, now_ms);
  }
  if (is_slow(now_ms)) {
    silence_.stop();
    pace_.stop();
    context_.listener.on_proof_slow(*this, now_ms);
  }
  if (!outcome_) call_at_next_deadline();
}

void Proof::stop_clocks() {
  stall_.stop();
  rate_.stop();
  silence_.stop();
  pace_.stop();
}

/// True where another source should be started beside this one.
bool Proof::is_slow(uint64_t now_ms) {
  if (silence_.has_passed(now_ms)) return true;
  const auto usual = context_.pool.median();
  const uint64_t least = usual ? *usual / 100 * context_.settings.l2_slow_percent : 0;
  return pace_.is_too_slow(car_bytes_, least, now_ms);
}

/// Restarts the clocks after input that did not end the CAR: the L2 may be silent for l2_idle_ms
/// again.
void Proof::restart_clocks(uint64_t now_ms) {
  if (phase_ != Phase::kProving) return;
  silence_.start(context_.settings.l2_slow_ms, now_ms);
  if (verifier_.blocks_proven() > 0) stall_.start(context_.settings.l2_idle_ms, now_ms);
  if (verifier_.blocks_proven() > 0 && !paused_.any()) {
    rate_.run(car_bytes_, context_.settings.l2_rate_window_ms, now_ms);
    pace_.run(car_bytes_, context_.settings.l2_slow_window_ms, now_ms);
  }
  call_at_next_deadline();
}

void Proof::pause(Pause reason, uint64_t now_ms) {
  if (!paused_.any()) paused_since_ms_ = now_ms;
  paused_.add(reason);
  if (phase_ != Phase::kProving) return;
  stall_.pause(now_ms);
  silence_.pause(now_ms);
  rate_.stop();
  pace_.stop();
  feed_.on_flow_changed();
}

void Proof::resume(Pause reason, uint64_t now_ms) {
  if (!paused_.any()) return;
  paused_.clear(reason);
  if (paused_.any()) return;
  paused_ms_ += now_ms - paused_since_ms_;
  // The repeats are put out by a later call: the caller is in the middle of writing.
  if (verifier_.has_more_output()) feed_.call_proof_at(now_ms);
  if (phase_ != Phase::kProving) return;
  stall_.resume(now_ms);
  silence_.resume(now_ms);
  call_at_next_deadline();
  feed_.on_flow_changed();
}

void Proof::give_up(Outcome why, uint64_t now_ms) {
  if (!outcome_) decide(why, now_ms);
}

void Proof::flush_output(uint64_t now_ms) {
  if (proven_.empty()) return;
  context_.listener.on_proof_output(*this, proven_, now_ms);
  proven_.clear();
}

/// Puts out blocks that come again in the output, from memory, until the reader is full or the next
/// new block is needed.
void Proof::put_out_repeats(uint64_t now_ms) {
  while (!outcome_ && verifier_.has_more_output() && !paused_.any()) {
    const Verifier::State state = verifier_.resume(proven_);
    flush_output(now_ms);
    if (state == Verifier::State::kMore) continue;
    if (phase_ != Phase::kProving) return on_all_proven(state, now_ms);
    on_verified(state, now_ms);
    if (is_content_fault()) decide(Outcome::kComplete, now_ms);
    return;
  }
  if (phase_ == Phase::kProving) feed_.on_flow_changed();  // wants_input() may have become true.
}

/// Ends the attempt. The L2 is told before the fetch, which may begin the next attempt.
void Proof::decide(Outcome outcome, uint64_t now_ms) {
  check(!outcome_, "an attempt ended twice");
  if (outcome == Outcome::kComplete && denial()) outcome = Outcome::kCancelled;
  flush_output(now_ms);
  phase_ = Phase::kOver;
  outcome_ = outcome;
  stop_clocks();
  if (outcome == Outcome::kComplete && !paused_.any()) {
    context_.pool.add(car_bytes_, now_ms - started_ms_ - paused_ms_);
  }
  feed_.on_outcome(now_ms);
  context_.listener.on_proof_ended(*this, now_ms);
}

}  // namespace daphnis::worker

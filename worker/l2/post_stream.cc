#include "worker/l2/post_stream.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/http/http_writer.h"
#include "common/proof/verifier_fault.h"
#include "common/request/not_found.h"

namespace daphnis::worker {
namespace {

Outcome outcome_of_failure(const Verifier& verifier) {
  switch (fault_of(verifier)) {
    case Fault::kContent:
      return Outcome::kComplete;
    case Fault::kNobody:
      return Outcome::kHandOffLost;  // The worker could not use the bytes.
    case Fault::kStream:
      break;
  }
  const bool is_cut = verifier.failure().code == Errc::kTruncated;
  return is_cut ? Outcome::kAborted : Outcome::kLied;
}

}  // namespace

L2Stream::L2Stream(ConnectionId id, Agenda& agenda, const Settings& settings,
                   StreamListener& listener, Attempt attempt, const CarRequest& request,
                   uint64_t now_ms)
    : Connection(id, agenda),
      settings_(settings),
      listener_(listener),
      attempt_(std::move(attempt)),
      verifier_(request, attempt_.shape, settings.budget),
      wants_whole_dag_(request.format == AnswerFormat::kCar && request.path.empty() &&
                       request.scope == DagScope::kAll),
      started_ms_(now_ms) {}

void L2Stream::start(Bytes received, uint64_t now_ms) {
  stall_.start(settings_.l2_first_block_ms, now_ms);
  be_called_at(stall_.deadline_ms());
  on_bytes(Slice::copy_of(received), now_ms);
  wake();
}

bool L2Stream::wants_input() const {
  switch (phase_) {
    case Phase::kReading:
      return !paused_.any() && !verifier_.has_more_output();
    case Phase::kRepeating:
      return false;
    case Phase::kTail:
      return true;
    case Phase::kReplied:
      return false;
    case Phase::kClosing:
      return ending_ == Ending::kHalfClose;
  }
  return false;
}

void L2Stream::on_bytes(const Slice& input, uint64_t now_ms) {
  if (phase_ == Phase::kClosing) {
    if (!lingering_) return;
    lingering_->on_bytes(input.size);
    if (lingering_->is_over(now_ms)) close(Ending::kClose);
    return;
  }
  size_t at = 0;
  while (phase_ == Phase::kReading || phase_ == Phase::kTail) {
    const http::Parser::Step step = parser_.step(input.bytes().subspan(at));
    at += step.consumed;
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        if (is_content_fault()) return end_early(Outcome::kComplete, now_ms);
        flush_output(now_ms);
        put_out_repeats(now_ms);
        restart_clocks(now_ms);
        return;
      case http::Parser::Event::kHead:
        on_head();
        break;
      case http::Parser::Event::kBody:
        on_body(input.part(static_cast<size_t>(step.body.data() - input.data), step.body.size()),
                now_ms);
        break;
      case http::Parser::Event::kEnd:
        on_message_end(input.bytes().subspan(at), now_ms);
        break;
      case http::Parser::Event::kRefused:
        failure_ = Error{Errc::kMalformed, 0, std::string(parser_.refusal().detail)};
        end_early(Outcome::kLied, now_ms);
        break;
    }
  }
}

void L2Stream::on_head() {
  const http::Head& head = parser_.head();
  says_not_found_ = head.find(kNotFoundHeader) != nullptr;
  keeps_alive_ = head.keep_alive;
  if (head.expects_continue) output_.append(http::kContinue);
}

void L2Stream::on_body(Slice body, uint64_t now_ms) {
  body_bytes_ += body.size;
  if (is_content_fault()) return;
  const bool is_padding = phase_ == Phase::kTail && verifier_.surplus_bytes() == 0 &&
                          std::ranges::all_of(body.bytes(), [](uint8_t byte) { return byte == 0; });
  const Verifier::State state = verifier_.on_bytes(body, proven_);
  // Zero bytes beyond those that the verifier reads as padding are no lie.
  const bool is_enough = is_padding && verifier_.surplus_bytes() > 0;
  if (is_enough) return end_early(Outcome::kComplete, now_ms);
  check_verifier(state, now_ms);
}

/// Acts on the verifier's state once the walk is over or the stream is of no more use.
void L2Stream::check_verifier(Verifier::State state, uint64_t now_ms) {
  if (state == Verifier::State::kMore) return;
  if (state == Verifier::State::kFailed) {
    failure_ = verifier_.failure();
    // An honest L2 sends no more than the blocks up to here. Where the message ends with this
    // input, its connection is kept.
    if (is_content_fault()) {
      phase_ = Phase::kTail;
      return;
    }
    return end_early(outcome_of_failure(verifier_), now_ms);
  }
  if (phase_ == Phase::kReading) {
    phase_ = Phase::kTail;
    flush_output(now_ms);
    stall_.start(limits::kL2TailMs, now_ms);
    be_called_at(stall_.deadline_ms());
    listener_.on_stream_whole(*this, now_ms);
  }
  if (verifier_.surplus_bytes() == 0) return;
  // A legacy L2 sends the whole DAG whatever was asked for; bytes after the end of the walk are no
  // lie then.
  const bool is_honest = attempt_.shape == StreamShape::kWholeDag && !wants_whole_dag_;
  if (!is_honest) failure_ = Error{Errc::kUnexpected, 0, "bytes after the end of the walk"};
  end_early(is_honest ? Outcome::kComplete : Outcome::kLied, now_ms);
}

void L2Stream::on_message_end(Bytes past_the_end, uint64_t now_ms) {
  if (past_the_end.size() <= limits::kReturnSurplusBytesMax) {
    surplus_.assign(past_the_end.begin(), past_the_end.end());
  } else {
    may_go_back_ = false;
  }
  stall_.stop();
  rate_.stop();
  const bool was_reading = phase_ == Phase::kReading;
  phase_ = Phase::kRepeating;
  const Verifier::State state = was_reading ? verifier_.on_end(proven_) : verifier_.state();
  flush_output(now_ms);
  if (!was_reading) return finish_message(Outcome::kComplete, now_ms);
  if (state != Verifier::State::kMore) return on_body_proven(state, now_ms);
  put_out_repeats(now_ms);
}

/// Takes the end of the walk, which has come at or after the end of the message.
void L2Stream::on_body_proven(Verifier::State state, uint64_t now_ms) {
  if (state == Verifier::State::kComplete) {
    listener_.on_stream_whole(*this, now_ms);
    return finish_message(Outcome::kComplete, now_ms);
  }
  const bool may_be_empty = says_not_found_ || attempt_.shape == StreamShape::kWholeDag;
  if (body_bytes_ == 0 && may_be_empty) return finish_message(Outcome::kNotFound, now_ms);
  failure_ = verifier_.failure();
  finish_message(outcome_of_failure(verifier_), now_ms);
}

/// Replies to a message that was read to its end.
void L2Stream::finish_message(Outcome outcome, uint64_t now_ms) {
  phase_ = Phase::kReplied;
  reply(row_of(outcome).l2_status, keeps_alive_ && is_from_this_broker_ && may_go_back_);
  if (ending_ == Ending::kHalfClose) {
    phase_ = Phase::kClosing;
    lingering_.emplace(now_ms);
  }
  be_called_at(now_ms + limits::kLingerMs);
  decide_outcome(outcome, now_ms);
}

void L2Stream::on_eof(uint64_t now_ms) {
  on_cut(now_ms);
}

void L2Stream::on_lost(uint64_t now_ms) {
  on_cut(now_ms);
}

/// Takes the end of the L2's side. A reply would find no reader.
void L2Stream::on_cut(uint64_t now_ms) {
  const Phase was = phase_;
  if (was == Phase::kRepeating) {
    may_go_back_ = false;  // All of the message is here, so that the connection is needed no more.
    return;
  }
  close(Ending::kClose);
  if (was == Phase::kTail) {
    decide_outcome(Outcome::kComplete, now_ms);
  } else if (was == Phase::kReading) {
    const bool is_not_found = body_bytes_ == 0 && attempt_.shape == StreamShape::kWholeDag;
    decide_outcome(is_not_found ? Outcome::kNotFound : Outcome::kAborted, now_ms);
  }
}

void L2Stream::on_time(uint64_t now_ms) {
  if (phase_ == Phase::kClosing || phase_ == Phase::kReplied) {
    // A reply of a few bytes that cannot be written within kLingerMs has no reader.
    if (!lingering_ || lingering_->is_over(now_ms)) return close(Ending::kClose);
    return be_called_at(lingering_->deadline_ms());
  }
  put_out_repeats(now_ms);
  if (outcome_) return;
  if (stall_.has_passed(now_ms)) {
    end_early(phase_ == Phase::kTail ? Outcome::kComplete : Outcome::kStalled, now_ms);
  } else if (rate_.is_too_slow(body_bytes_, settings_.l2_rate_min, now_ms)) {
    failure_ = Error{Errc::kTruncated, 0, "slower than the least rate"};
    end_early(Outcome::kStalled, now_ms);
  } else {
    be_called_at(stall_.deadline_ms());
    be_called_at(rate_.ends_ms());
  }
}

/// Restarts the clocks after input that did not end the message: the L2 may be silent for
/// l2_idle_ms again.
void L2Stream::restart_clocks(uint64_t now_ms) {
  if (phase_ != Phase::kReading || verifier_.blocks_proven() == 0) return;
  stall_.start(settings_.l2_idle_ms, now_ms);
  be_called_at(stall_.deadline_ms());
  if (paused_.any()) return;
  rate_.run(body_bytes_, settings_.l2_rate_window_ms, now_ms);
  be_called_at(rate_.ends_ms());
}

void L2Stream::pause(Pause reason, uint64_t now_ms) {
  paused_.add(reason);
  if (phase_ != Phase::kReading) return;
  stall_.pause(now_ms);
  rate_.stop();
  wake();
}

void L2Stream::resume(Pause reason, uint64_t now_ms) {
  paused_.clear(reason);
  if (paused_.any()) return;
  // The repeats are put out by a later call: the caller is in the middle of writing.
  if (verifier_.has_more_output()) be_called_at(now_ms);
  if (phase_ != Phase::kReading) return;
  stall_.resume(now_ms);
  be_called_at(stall_.deadline_ms());
  wake();
}

void L2Stream::cancel(uint64_t now_ms) {
  if (!outcome_) end_early(Outcome::kCancelled, now_ms);
}

void L2Stream::flush_output(uint64_t now_ms) {
  if (proven_.empty()) return;
  listener_.on_stream_output(*this, proven_, now_ms);
  proven_.clear();
}

/// Puts out blocks that come again in the output, from memory, until the reader is full or the next
/// new block is needed.
void L2Stream::put_out_repeats(uint64_t now_ms) {
  while (!outcome_ && verifier_.has_more_output() && !paused_.any()) {
    const Verifier::State state = verifier_.resume(proven_);
    flush_output(now_ms);
    if (state == Verifier::State::kMore) continue;
    if (phase_ != Phase::kReading) return on_body_proven(state, now_ms);
    check_verifier(state, now_ms);
    if (is_content_fault()) end_early(Outcome::kComplete, now_ms);
    return;
  }
  if (phase_ == Phase::kReading) wake();  // wants_input() may have become true.
}

size_t L2Stream::output(std::span<Bytes> views) {
  if (output_.empty()) return 0;
  views[0] = as_bytes(output_);
  return 1;
}

void L2Stream::on_written(size_t size, uint64_t /*now_ms*/) {
  output_.erase(0, size);
}

void L2Stream::decide_outcome(Outcome outcome, uint64_t now_ms) {
  check(!outcome_, "an attempt ended twice");
  outcome_ = outcome;
  stall_.stop();
  rate_.stop();
  listener_.on_stream_ended(*this, now_ms);
}

void L2Stream::end_early(Outcome outcome, uint64_t now_ms) {
  flush_output(now_ms);
  phase_ = Phase::kClosing;
  reply(row_of(outcome).l2_status, false);
  lingering_.emplace(now_ms);
  be_called_at(lingering_->deadline_ms());
  decide_outcome(outcome, now_ms);
}

void L2Stream::reply(int status, bool keep_alive) {
  auto head = http::HeadWriter::response(status);
  head.add("Content-Length", uint64_t{0});
  if (!keep_alive) head.add("Connection", "close");
  output_.append(head.finish());
  ending_ = keep_alive ? Ending::kGiveBack : Ending::kHalfClose;
  wake();
}

void L2Stream::close(Ending how) {
  phase_ = Phase::kClosing;
  ending_ = how;
  lingering_.reset();
  output_.clear();
  proven_.clear();
  wake();
}

}  // namespace daphnis::worker

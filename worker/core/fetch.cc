#include "worker/core/fetch.h"

#include <algorithm>
#include <utility>

#include "common/core/check.h"

namespace daphnis::worker {
namespace {

/// Proven bytes that cannot be served, whoever sends them.
FailureKind content_failure(Errc code) {
  if (code == Errc::kNotFound) return FailureKind::kPathNotFound;
  if (code == Errc::kTooLarge) return FailureKind::kContentTooLarge;
  return FailureKind::kUnsupportedContent;
}

}  // namespace

Fetch::Fetch(FetchId id, CarRequest request, std::string trace_id, FetchReader& reader,
             uint64_t deadline_ms)
    : id_(id),
      request_(std::move(request)),
      trace_id_(std::move(trace_id)),
      reader_(reader),
      deadline_ms_(deadline_ms) {}

ipc::Fetch Fetch::question(uint64_t now_ms) const {
  const uint64_t left = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 1;
  return {.fetch_id = id_,
          .request = request_,
          .key = key_of(request_),
          .trace_id = trace_id_,
          .deadline_ms = static_cast<uint32_t>(std::min<uint64_t>(left, UINT32_MAX))};
}

void Fetch::on_stream(L2Stream& stream) {
  check(wants_stream(), "a stream came to a fetch that wants none");
  stream_ = &stream;
  attempts_ = std::max(attempts_ + 1, stream.attempt().number);
  l2_id_ = stream.attempt().l2_id;
}

void Fetch::on_output(Slices& output, uint64_t now_ms) {
  if (output.empty()) return;
  state_ = State::kStreaming;
  output_bytes_ += total_size(output);
  reader_.on_output(*this, output, now_ms);
  if (stream_ && reader_.is_full()) stream_->pause(Pause::kClientSlow, now_ms);
}

void Fetch::on_whole(uint64_t now_ms) {
  state_ = State::kOver;
  stream_ = nullptr;
  reader_.on_whole(*this, now_ms);
}

bool Fetch::on_stream_ended(uint64_t now_ms) {
  const L2Stream& stream = *std::exchange(stream_, nullptr);
  if (stream.is_content_fault()) {
    fail(content_failure(stream.failure()->code), 0, now_ms);
    return false;
  }
  const bool lied = stream.outcome() == ipc::AttemptOutcome::kVerifyFailed;
  has_met_lies_ = has_met_lies_ || lied;
  if (state_ == State::kStreaming) {
    fail(lied ? FailureKind::kL2Lied : FailureKind::kL2Failed, 0, now_ms);
    return false;
  }
  if (now_ms >= deadline_ms_) {
    fail(FailureKind::kDeadline, 0, now_ms);
    return false;
  }
  return true;
}

void Fetch::on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms) {
  attempts_ = std::max(attempts_, refusal.attempts);
  // The broker knows that attempts failed; this worker saw how.
  const bool lied = refusal.reason == ipc::FetchFailure::kFailed && has_met_lies_;
  fail(lied ? FailureKind::kL2Lied : failure_of(refusal.reason), refusal.retry_after_s, now_ms);
}

void Fetch::fail(FailureKind why, uint32_t retry_after_s, uint64_t now_ms) {
  state_ = State::kOver;
  reader_.on_failed(*this, why, retry_after_s, now_ms);
}

void Fetch::on_room(uint64_t now_ms) {
  if (stream_) stream_->resume(Pause::kClientSlow, now_ms);
}

void Fetch::abandon(uint64_t now_ms) {
  state_ = State::kOver;
  if (L2Stream* stream = std::exchange(stream_, nullptr)) stream->cancel(now_ms);
}

}  // namespace daphnis::worker

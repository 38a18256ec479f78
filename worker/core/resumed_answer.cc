#include "worker/core/resumed_answer.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {

ResumedAnswer::ResumedAnswer(Exchange& exchange, FetchId fetch, Rest rest, ReaderHost& host)
    : exchange_(exchange), host_(host), fetch_(fetch), skip_(rest.offset), left_(rest.size) {}

ResumedAnswer::Part ResumedAnswer::take(uint64_t size) {
  const uint64_t skipped = std::min(skip_, size);
  const uint64_t taken = std::min(left_, size - skipped);
  skip_ -= skipped;
  if (left_ != kNever) left_ -= taken;
  return {.offset = skipped, .size = taken};
}

void ResumedAnswer::on_output(Fetch& fetch, Slices& output, uint64_t now_ms) {
  note(fetch);
  Slices wanted;
  for (const Slice& slice : output) {
    const Part part = take(slice.size);
    if (part.size == 0) continue;
    wanted.push_back(slice.part(static_cast<size_t>(part.offset), static_cast<size_t>(part.size)));
  }
  output.clear();
  if (!wanted.empty()) exchange_.push(wanted, now_ms);
}

void ResumedAnswer::on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) {
  note(fetch);
  const Part part = take(range.size);
  if (part.size == 0) return;
  exchange_.push(FileRange{std::move(range.file), range.offset + part.offset, part.size}, now_ms);
}

void ResumedAnswer::on_whole(Fetch& fetch, uint64_t now_ms) {
  note(fetch);
  fetch_ = 0;
  const bool has_all = skip_ == 0 && (left_ == 0 || left_ == kNever);
  if (!has_all) return cut(FailureKind::kInternal, now_ms);
  exchange_.finish(now_ms);
}

void ResumedAnswer::on_failed(Fetch& fetch, FailureKind why, uint32_t, uint64_t now_ms) {
  note(fetch);
  fetch_ = 0;
  cut(why, now_ms);
}

void ResumedAnswer::cut(FailureKind why, uint64_t now_ms) {
  exchange_.facts.failure = answer_for(why).code;
  exchange_.abort(now_ms);
}

void ResumedAnswer::on_room(uint64_t now_ms) {
  if (fetch_ != 0) host_.on_reader_room(fetch_, *this, now_ms);
}

void ResumedAnswer::on_over(uint64_t now_ms) {
  if (fetch_ != 0) host_.on_reader_left(std::exchange(fetch_, 0), *this, now_ms);
}

void ResumedAnswer::note(const Fetch& fetch) {
  exchange_.facts.l2 = fetch.l2_id();
  exchange_.facts.attempts = fetch.attempts();
}

}  // namespace daphnis::worker

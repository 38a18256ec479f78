#include "worker/core/resumed_answer.h"

#include <utility>

namespace daphnis::worker {

ResumedAnswer::ResumedAnswer(Exchange& exchange, FetchId fetch, Rest rest, ReaderHost& host)
    : FetchAnswer(exchange, fetch, host), rest_(rest) {}

void ResumedAnswer::on_output(Fetch& fetch, Slices& output, uint64_t now_ms) {
  note_source(fetch);
  Slices wanted;
  for (const Slice& slice : output) {
    const Rest::Part part = rest_.take(slice.size);
    if (part.size == 0) continue;
    wanted.push_back(slice.part(static_cast<size_t>(part.offset), static_cast<size_t>(part.size)));
  }
  output.clear();
  if (!wanted.empty()) exchange_.push(wanted, now_ms);
}

void ResumedAnswer::on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) {
  note_source(fetch);
  const Rest::Part part = rest_.take(range.size);
  if (part.size == 0) return;
  exchange_.push(FileRange{std::move(range.file), range.offset + part.offset, part.size}, now_ms);
}

void ResumedAnswer::on_whole(Fetch& fetch, uint64_t now_ms) {
  note_source(fetch);
  on_detached();
  const bool has_all = rest_.offset == 0 && (rest_.size == 0 || rest_.size == kNever);
  if (!has_all) return cut(FailureKind::kInternal, now_ms);
  exchange_.finish(now_ms);
}

void ResumedAnswer::on_failed(Fetch& fetch, FailureKind why, uint32_t, uint64_t now_ms) {
  note_source(fetch);
  on_detached();
  cut(why, now_ms);
}

void ResumedAnswer::cut(FailureKind why, uint64_t now_ms) {
  exchange_.facts.failure = answer_for(why).code;
  exchange_.abort(now_ms);
}

}  // namespace daphnis::worker

#include "worker/answer/resumed_answer.h"

#include <utility>

namespace daphnis::worker {

ResumedAnswer::ResumedAnswer(Exchange& exchange, Fetch& fetch, Rest rest, const AnswerScene& scene,
                             FetchTable& fetches)
    : FetchAnswer(exchange, fetch, fetches), rest_(rest), scene_(scene) {}

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
  if (!has_all) {
    return break_off(exchange_, answer_for(Outcome::kInternal), scene_, now_ms);
  }
  exchange_.finish(now_ms);
}

void ResumedAnswer::on_failed(Fetch& fetch, Outcome why, uint32_t retry_after_s, uint64_t now_ms) {
  note_source(fetch);
  on_detached();
  break_off(exchange_, answer_for(why, retry_after_s), scene_, now_ms);
}

}  // namespace daphnis::worker

#include "worker/answer/fetch_answer.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {

Rest::Part Rest::take(uint64_t bytes) {
  const uint64_t skipped = std::min(offset, bytes);
  const uint64_t taken = std::min(size, bytes - skipped);
  offset -= skipped;
  if (size != kNever) size -= taken;
  return {.offset = skipped, .size = taken};
}

void FetchAnswer::on_space(uint64_t now_ms) {
  if (!fetch_) return;
  Fetch& fetch = *fetch_;  // The reader may be given the rest, and is detached then.
  fetch.on_reader_space(*this, now_ms);
  fetches_.drop_if_unwanted(fetch, now_ms);
}

void FetchAnswer::on_over(uint64_t now_ms) {
  if (!fetch_) return;
  Fetch& fetch = *std::exchange(fetch_, nullptr);
  fetch.remove_reader(*this, now_ms);
  fetches_.drop_if_unwanted(fetch, now_ms);
}

void FetchAnswer::note_source(const Fetch& fetch) {
  exchange_.facts.l2 = fetch.l2_id();
  exchange_.facts.l2s = fetch.used_sources().names();
  exchange_.facts.attempts = fetch.attempts();
}

}  // namespace daphnis::worker

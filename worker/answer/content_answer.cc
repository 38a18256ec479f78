#include "worker/answer/content_answer.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {

ResponseContext context_of(const Exchange& exchange, const AnswerScene& scene, CacheStatus cache) {
  return {.request_id = exchange.facts.request_id,
          .node_id = scene.node_id,
          .date = scene.date,
          .cache = cache};
}

void give(Exchange& exchange, const Answer& answer, const AnswerScene& scene, CacheStatus cache,
          uint64_t now_ms) {
  if (answer.status >= 400) exchange.facts.failure = answer.code;
  exchange.start(make_response(answer, context_of(exchange, scene, cache)), now_ms);
}

void break_off(Exchange& exchange, const Answer& answer, const AnswerScene& scene,
               uint64_t now_ms) {
  if (exchange.may_take_back()) {
    exchange.take_back(now_ms);
    give(exchange, answer, scene, exchange.facts.cache, now_ms);
  } else if (exchange.state() == Exchange::State::kContent) {
    exchange.facts.failure = answer.code;
    exchange.abort(now_ms);
  }
}

uint64_t age_of(int64_t stored_s, const AnswerScene& scene) {
  return static_cast<uint64_t>(std::max<int64_t>(0, scene.now_s - stored_s));
}

ContentAnswer::ContentAnswer(Exchange& exchange, Content content, Fetch& fetch, CacheStatus cache,
                             const AnswerScene& scene, FetchTable& fetches)
    : FetchAnswer(exchange, fetch, fetches), content_(std::move(content)), scene_(scene) {
  exchange_.facts.cache = cache;
}

void ContentAnswer::on_output(Fetch& fetch, Slices& output, uint64_t now_ms) {
  note(fetch);
  if (content_.request.format == AnswerFormat::kRaw) {
    for (Slice& slice : output) block_.push_back({.slice = std::move(slice)});
    output.clear();
    return;
  }
  if (exchange_.state() == Exchange::State::kWaiting) start_car(now_ms);
  if (exchange_.state() == Exchange::State::kContent) exchange_.push(output, now_ms);
}

void ContentAnswer::on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) {
  note(fetch);
  if (content_.request.format == AnswerFormat::kRaw) {
    block_.push_back({.range = std::move(range)});
    return;
  }
  if (exchange_.state() == Exchange::State::kWaiting) start_car(now_ms);
  if (exchange_.state() == Exchange::State::kContent) exchange_.push(std::move(range), now_ms);
}

/// The context of a 200, with the time that the first proven block took.
ResponseContext ContentAnswer::context(std::string& timing, uint64_t now_ms) const {
  const Timing fetch{.name = "fetch", .us = (now_ms - exchange_.started_ms()) * 1'000};
  timing = server_timing({&fetch, 1});
  ResponseContext context = context_of(exchange_, scene_, exchange_.facts.cache);
  context.server_timing = timing;
  if (stored_s_) context.age_s = age_of(*stored_s_, scene_);
  return context;
}

void ContentAnswer::start_car(uint64_t now_ms) {
  std::string timing;
  exchange_.start(car_response(content_, context(timing, now_ms), std::nullopt), now_ms);
  if (content_.is_head) exchange_.finish(now_ms);
}

void ContentAnswer::on_whole(Fetch& fetch, uint64_t now_ms) {
  note(fetch);
  on_detached();
  if (content_.request.format == AnswerFormat::kRaw) return answer_raw(now_ms);
  if (exchange_.state() == Exchange::State::kWaiting) start_car(now_ms);
  if (exchange_.state() == Exchange::State::kContent) exchange_.finish(now_ms);
}

void ContentAnswer::answer_raw(uint64_t now_ms) {
  std::string timing;
  const std::vector<Piece> block = std::exchange(block_, {});
  uint64_t size = 0;
  for (const Piece& piece : block) size += piece.size();
  Response response = raw_response(content_, context(timing, now_ms), size);
  Rest wanted{.offset = response.body_offset, .size = *response.length};
  exchange_.start(std::move(response), now_ms);
  if (exchange_.state() != Exchange::State::kContent)
    return;  // The block does not have that range.
  for (const Piece& piece : block) {
    const Rest::Part part = wanted.take(piece.size());
    push_part(piece, part.offset, part.size, now_ms);
  }
  exchange_.finish(now_ms);
}

/// Pushes bytes [offset, offset + length) of the piece.
void ContentAnswer::push_part(const Piece& piece, uint64_t offset, uint64_t length,
                              uint64_t now_ms) {
  if (length == 0) return;
  if (piece.range.file) {
    return exchange_.push(FileRange{piece.range.file, piece.range.offset + offset, length}, now_ms);
  }
  Slices part{piece.slice.part(static_cast<size_t>(offset), static_cast<size_t>(length))};
  exchange_.push(part, now_ms);
}

void ContentAnswer::on_failed(Fetch& fetch, Outcome why, uint32_t retry_after_s, uint64_t now_ms) {
  note(fetch);
  on_detached();
  const Answer answer =
      content_.only_if_cached ? answer_for(Outcome::kNotCached) : answer_for(why, retry_after_s);
  break_off(exchange_, answer, scene_, now_ms);
}

void ContentAnswer::begin_anew(uint64_t now_ms) {
  exchange_.take_back(now_ms);
  block_.clear();
  stored_s_.reset();
}

void ContentAnswer::note(const Fetch& fetch) {
  note_source(fetch);
  if (exchange_.state() != Exchange::State::kWaiting) return;
  stored_s_ = fetch.stored_s();
  if (stored_s_) {
    exchange_.facts.cache = CacheStatus::kHit;
  } else if (fetch.is_joined()) {
    exchange_.facts.cache = CacheStatus::kFetching;
  }
}

}  // namespace daphnis::worker

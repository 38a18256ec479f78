#include "worker/core/content_answer.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {
namespace {

/// The part [offset, offset + length) of `slices`.
Slices part_of(const Slices& slices, uint64_t offset, uint64_t length) {
  Slices out;
  for (const Slice& slice : slices) {
    const auto skipped = static_cast<size_t>(std::min<uint64_t>(offset, slice.size));
    offset -= skipped;
    const auto taken = static_cast<size_t>(std::min<uint64_t>(length, slice.size - skipped));
    length -= taken;
    if (taken > 0) out.push_back(slice.part(skipped, taken));
  }
  return out;
}

}  // namespace

ResponseContext context_of(const Exchange& exchange, const AnswerScene& scene, CacheStatus cache) {
  return {.request_id = exchange.facts.request_id,
          .node_id = scene.node_id,
          .date = scene.date,
          .cache = cache,
          .minor = exchange.request().minor,
          .keep_alive = exchange.may_keep_alive(),
          .is_head = exchange.request().method == "HEAD"};
}

void give(Exchange& exchange, const Answer& answer, const AnswerScene& scene, CacheStatus cache,
          uint64_t now_ms) {
  if (answer.status >= 400) exchange.facts.failure = answer.code;
  exchange.answer(answer.status, render(answer, context_of(exchange, scene, cache)), now_ms);
}

ContentAnswer::ContentAnswer(Exchange& exchange, Content content, const AnswerScene& scene,
                             FetchHost& host)
    : exchange_(exchange), content_(std::move(content)), scene_(scene), host_(host) {
  exchange_.facts.cache = CacheStatus::kMiss;
}

void ContentAnswer::on_output(Fetch& fetch, Slices& output, uint64_t now_ms) {
  note(fetch);
  if (content_.request.format == AnswerFormat::kRaw) {
    std::ranges::move(output, std::back_inserter(block_));
    output.clear();
    return;
  }
  if (exchange_.state() == Exchange::State::kWaiting) start_car(now_ms);
  if (exchange_.state() == Exchange::State::kContent) exchange_.push(output, now_ms);
}

/// The context of a 200: how long the first proven block took is known by now.
ResponseContext ContentAnswer::context(std::string& timing, uint64_t now_ms) const {
  const Timing fetch{.name = "fetch", .us = (now_ms - exchange_.started_ms()) * 1'000};
  timing = server_timing({&fetch, 1});
  ResponseContext context = context_of(exchange_, scene_, CacheStatus::kMiss);
  context.server_timing = timing;
  return context;
}

void ContentAnswer::start_car(uint64_t now_ms) {
  std::string timing;
  exchange_.start(car_head(content_, context(timing, now_ms), std::nullopt), now_ms);
  if (content_.is_head) exchange_.finish(now_ms);
}

void ContentAnswer::on_whole(Fetch& fetch, uint64_t now_ms) {
  note(fetch);
  fetch_ = 0;
  if (content_.request.format == AnswerFormat::kRaw) return answer_raw(now_ms);
  if (exchange_.state() == Exchange::State::kWaiting) start_car(now_ms);
  if (exchange_.state() == Exchange::State::kContent) exchange_.finish(now_ms);
}

void ContentAnswer::answer_raw(uint64_t now_ms) {
  std::string timing;
  ResponseHead head = raw_head(content_, context(timing, now_ms), total_size(block_));
  Slices part = part_of(block_, head.body_offset, head.body_bytes);
  block_.clear();
  exchange_.start(std::move(head), now_ms);
  exchange_.push(part, now_ms);
  exchange_.finish(now_ms);
}

void ContentAnswer::on_failed(Fetch& fetch, FailureKind why, uint32_t retry_after_s,
                              uint64_t now_ms) {
  note(fetch);
  fetch_ = 0;
  const Answer answer = answer_for(why, retry_after_s);
  exchange_.facts.failure = answer.code;
  if (exchange_.state() == Exchange::State::kWaiting) {
    give(exchange_, answer, scene_, CacheStatus::kMiss, now_ms);
  } else if (exchange_.state() == Exchange::State::kContent) {
    exchange_.abort(now_ms);
  }
}

void ContentAnswer::on_room(uint64_t now_ms) {
  if (fetch_ != 0) host_.on_reader_room(fetch_, now_ms);
}

void ContentAnswer::on_over(uint64_t now_ms) {
  if (fetch_ != 0) host_.on_reader_left(std::exchange(fetch_, 0), now_ms);
}

void ContentAnswer::note(const Fetch& fetch) {
  exchange_.facts.l2 = fetch.l2_id();
  exchange_.facts.attempts = fetch.attempts();
}

}  // namespace daphnis::worker

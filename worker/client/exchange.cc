#include "worker/client/exchange.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::worker {

Exchange::Exchange(ExchangeOwner& owner, Retired& retired, http::Head request, bool may_keep_alive,
                   Client client, size_t high_bytes, uint64_t now_ms)
    : owner_(owner),
      retired_(retired),
      request_(std::move(request)),
      may_keep_alive_(may_keep_alive),
      client_(std::move(client)),
      high_bytes_(high_bytes),
      started_ms_(now_ms) {}

void Exchange::set_responder(std::unique_ptr<Responder> responder) {
  std::swap(responder_, responder);
  if (responder) retired_.add(std::move(responder));
}

void Exchange::start(Response response, uint64_t now_ms) {
  check(state_ == State::kWaiting, "an answer was started twice");
  state_ = response.body ? State::kFinished : State::kContent;
  response_ = std::move(response);
  owner_.on_answer(*this, now_ms);
}

void Exchange::push(Slices& content, uint64_t now_ms) {
  check(state_ == State::kContent, "content was pushed outside an answer");
  if (!takes_content()) {
    content.clear();
    return;
  }
  for (Slice& slice : content) content_.push(std::move(slice));
  content.clear();
  on_pushed(now_ms);
}

void Exchange::push(FileRange range, uint64_t now_ms) {
  check(state_ == State::kContent, "content was pushed outside an answer");
  if (!takes_content()) return;
  content_.push(std::move(range));
  on_pushed(now_ms);
}

void Exchange::on_pushed(uint64_t now_ms) {
  if (content_.bytes() >= high_bytes_ ||
      content_.pinned_bytes() >= high_bytes_ * limits::kOutputPinnedFactor) {
    is_full_ = true;
  }
  owner_.on_answer(*this, now_ms);
}

void Exchange::finish(uint64_t now_ms) {
  check(state_ == State::kContent, "an answer was finished before it was started");
  state_ = State::kFinished;
  owner_.on_answer(*this, now_ms);
}

void Exchange::resume() {
  check(state_ == State::kContent || state_ == State::kFinished,
        "an answer was resumed before it was started");
  state_ = State::kContent;
  content_.clear();
  is_full_ = false;
}

void Exchange::take_back(uint64_t now_ms) {
  check(may_take_back(), "an answer was taken back that had gone out");
  state_ = State::kWaiting;
  response_ = {};
  content_.clear();
  is_full_ = false;
  owner_.on_answer(*this, now_ms);
}

void Exchange::abort(uint64_t now_ms) {
  check(state_ == State::kContent || state_ == State::kFinished,
        "an answer was aborted before it was started");
  state_ = State::kAborted;
  content_.clear();
  owner_.on_answer(*this, now_ms);
}

void Exchange::on_file_lost(int error, uint64_t now_ms) {
  const FileRange lost = content_.file_front();
  if (responder_ && responder_->on_file_lost(lost, error, now_ms)) return;
  // The head is out, since it goes out before a file's first byte.
  facts.failure = answer_for(Outcome::kInternal).code;
  abort(now_ms);
}

void Exchange::on_content_written(uint64_t size, uint64_t now_ms) {
  content_.consume(size);
  content_bytes_written_ += size;
  if (!is_full_ || content_.bytes() > high_bytes_ / 2 ||
      content_.pinned_bytes() > high_bytes_ * limits::kOutputPinnedFactor / 2) {
    return;
  }
  is_full_ = false;
  if (responder_) responder_->on_space(now_ms);
}

void Exchange::on_first_byte(uint64_t now_ms) {
  if (first_byte_ms_ == kNever) first_byte_ms_ = now_ms;
}

}  // namespace daphnis::worker

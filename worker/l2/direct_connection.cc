#include "worker/l2/direct_connection.h"

#include <utility>

#include "common/base/limits.h"
#include "common/http/http_replies.h"
#include "common/request/delivery_replies.h"

namespace daphnis::worker {
namespace {

constexpr BadTarget kNoSuchPath{404, "no_such_path", "a worker takes POSTs to /data/"};

std::string text_of(const BadTarget& what, http::Connection connection) {
  return http::reply(what.status, what.code, what.detail, connection, 0);
}

}  // namespace

DirectConnection::DirectConnection(ConnectionId id, Agenda& agenda, DirectPosts& posts,
                                   DirectPeer peer, uint64_t now_ms)
    : L2Connection(id, agenda), posts_(posts), peer_(std::move(peer)), idle_since_ms_(now_ms) {
  set_deadline(now_ms + limits::kDirectHeadMs);
}

std::optional<uint64_t> DirectConnection::idle_since_ms() const {
  const bool is_idle = phase_ == Phase::kHead && !parser_.in_message();
  return is_idle ? std::optional(idle_since_ms_) : std::nullopt;
}

bool DirectConnection::wants_input() const {
  switch (phase_) {
    case Phase::kHead:
    case Phase::kReadOut:
      return output_.empty();  // Who reads no replies is not read.
    case Phase::kAsking:
    case Phase::kLeaving:
      return false;
    case Phase::kPost:
      return post_->wants_input();
    case Phase::kClosing:
      return ending_ == Ending::kHalfClose;
  }
  return false;
}

Ending DirectConnection::ending() const {
  if (phase_ == Phase::kLeaving) return Ending::kGiveBack;
  if (phase_ != Phase::kPost) return ending_;
  // After a POST that was read to its end the connection goes on.
  return post_->ending() == Ending::kGiveBack ? Ending::kOpen : post_->ending();
}

size_t DirectConnection::output(std::span<Bytes> views) {
  if (!output_.empty()) {
    views[0] = as_bytes(output_);
    return 1;
  }
  return post_ ? post_->output(views) : 0;
}

void DirectConnection::on_bytes(const Slice& input, uint64_t now_ms) {
  if (phase_ == Phase::kPost) return post_->on_bytes(input, now_ms);
  if (phase_ == Phase::kAsking || phase_ == Phase::kLeaving) {
    // One read may bring bytes in two buffers.
    rest_.insert(rest_.end(), input.data, input.data + input.size);
    return;
  }
  if (phase_ != Phase::kClosing) return read(input.bytes(), now_ms);
  if (!lingering_) return;
  lingering_->on_bytes(input.size);
  if (lingering_->is_over(now_ms)) close();
}

void DirectConnection::read(Bytes input, uint64_t now_ms) {
  while (true) {
    const bool had_begun = parser_.in_message();
    const bool is_in_head = phase_ == Phase::kHead;
    const http::Parser::Step step = parser_.step(input);
    const Bytes used = input.first(step.consumed);
    if (is_in_head) head_.insert(head_.end(), used.begin(), used.end());
    input = input.subspan(step.consumed);
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        if (is_in_head && !had_begun && parser_.in_message()) {
          set_deadline(now_ms + limits::kDirectHeadMs);
        }
        return;
      case http::Parser::Event::kHead:
        if (!on_head(input, now_ms)) return;
        break;
      case http::Parser::Event::kBody:
        if (pending_.status == 200) return reply_early(delivery_replies::kBodyNotEmpty, now_ms);
        break;
      case http::Parser::Event::kEnd:
        on_message_end(now_ms);
        if (phase_ != Phase::kHead) return;
        break;
      case http::Parser::Event::kRefused: {
        const http::Refusal& refusal = parser_.refusal();
        return reply_early({refusal.status, refusal.code, refusal.detail}, now_ms);
      }
    }
  }
}

bool DirectConnection::on_head(Bytes rest, uint64_t now_ms) {
  const http::Head& head = parser_.head();
  if (!head.target.starts_with(kDataPath)) {
    reply_early(kNoSuchPath, now_ms);
    return false;
  }
  const auto target = read_data_target(head);
  if (!target) {
    reply_early(target.error(), now_ms);
    return false;
  }
  return judge(*target, DirectPosts::Answer::kNone, rest, now_ms);
}

/// As on_head(), whose target this is.
bool DirectConnection::judge(const DataTarget& target, DirectPosts::Answer answer, Bytes rest,
                             uint64_t now_ms) {
  const http::Head& head = parser_.head();
  DirectPosts::Verdict verdict = posts_.on_post(*this, target, peer_, answer, now_ms);
  if (verdict.goes_to_broker) {
    rest_ = std::exchange(head_, {});
    rest_.insert(rest_.end(), rest.begin(), rest.end());
    phase_ = Phase::kLeaving;
    deadline_ms_ = kNever;
    wake();
    return false;
  }
  if (verdict.awaits_answer) {
    question_ = target;
    rest_.assign(rest.begin(), rest.end());
    phase_ = Phase::kAsking;
    set_deadline(now_ms + limits::kDirectHeadMs);
    return false;
  }
  if (verdict.post) {
    begin(std::move(verdict.post), rest, now_ms);
    return false;
  }
  // A POST that came too late, or says not-found, did its part: its connection goes on.
  const bool is_small =
      !head.chunked && head.content_length.value_or(0) <= limits::kReadOutBytesMax;
  const bool goes_on = verdict.reply.status == 200 || (verdict.reply.status == 410 && is_small);
  if (!goes_on || head.expects_continue) {
    reply_early(verdict.reply, now_ms);
    return false;
  }
  head_.clear();
  pending_ = verdict.reply;
  phase_ = Phase::kReadOut;
  set_deadline(now_ms + limits::kLingerMs);
  return true;
}

void DirectConnection::on_answer(const ipc::AttemptAnswer& answer, uint64_t now_ms) {
  using enum DirectPosts::Answer;
  if (!question_ || question_->attempt_id != answer.attempt_id) return;
  settle(answer.is_elsewhere ? kElsewhere : kAll, now_ms);
}

void DirectConnection::on_no_answer(uint64_t now_ms) {
  if (question_) settle(DirectPosts::Answer::kAll, now_ms);
}

void DirectConnection::settle(DirectPosts::Answer answer, uint64_t now_ms) {
  const DataTarget target = *std::exchange(question_, {});
  const std::vector<uint8_t> rest = std::exchange(rest_, {});
  phase_ = Phase::kHead;
  if (judge(target, answer, rest, now_ms)) read(rest, now_ms);
  wake();
}

/// Gives the POST its bytes, from the first on.
void DirectConnection::begin(std::unique_ptr<PostStream> post, Bytes rest, uint64_t now_ms) {
  std::vector<uint8_t> received = std::exchange(head_, {});
  received.insert(received.end(), rest.begin(), rest.end());
  parser_ = http::Parser(http::Parser::Kind::kRequest);
  phase_ = Phase::kPost;
  deadline_ms_ = kNever;
  post_ = std::move(post);
  if (!post_->proof().has_ended()) post_->start(received, now_ms);
  wake();
}

void DirectConnection::on_written(size_t size, uint64_t now_ms) {
  if (!output_.empty()) {
    output_.erase(0, size);
    return;
  }
  post_->on_written(size);
  const bool is_over = post_->ending() == Ending::kGiveBack && post_->is_written();
  if (is_over) on_post_over(now_ms);
}

void DirectConnection::on_post_over(uint64_t now_ms) {
  const std::unique_ptr<PostStream> post = std::move(post_);
  if (!posts_.keeps_connections()) return close();
  phase_ = Phase::kHead;
  idle_since_ms_ = now_ms;
  set_deadline(now_ms + limits::kDirectIdleMs);
  if (!post->surplus().empty()) read(post->surplus(), now_ms);
  wake();
}

void DirectConnection::on_message_end(uint64_t now_ms) {
  const bool goes_on = parser_.head().keep_alive && posts_.keeps_connections();
  const BadTarget what = std::exchange(pending_, {});
  if (!goes_on) return reply_early(what, now_ms);
  output_.append(what.status == 200 ? http::reply_ok(delivery_replies::kNotFoundTakenBody)
                                    : text_of(what, http::Connection::kKeep));
  phase_ = Phase::kHead;
  idle_since_ms_ = now_ms;
  set_deadline(now_ms + limits::kDirectIdleMs);
  wake();
}

/// Replies before the message was read to its end, or for the last time.
void DirectConnection::reply_early(const BadTarget& what, uint64_t now_ms) {
  output_.append(text_of(what, http::Connection::kClose));
  head_.clear();
  phase_ = Phase::kClosing;
  ending_ = Ending::kHalfClose;
  lingering_.emplace(now_ms);
  set_deadline(lingering_->deadline_ms());
  wake();
}

void DirectConnection::on_eof(uint64_t now_ms) {
  if (phase_ == Phase::kPost) return post_->on_eof(now_ms);
  close();
}

void DirectConnection::on_lost(uint64_t now_ms) {
  if (phase_ == Phase::kPost) return post_->on_lost(now_ms);
  close();
}

void DirectConnection::on_time(uint64_t now_ms) {
  if (phase_ == Phase::kPost) return post_->on_time(now_ms);
  if (now_ms < deadline_ms_) return be_called_at(deadline_ms_);
  switch (phase_) {
    case Phase::kHead:
      if (!parser_.in_message()) return close();
      return reply_early(delivery_replies::kTooSlow, now_ms);
    case Phase::kAsking:
      return settle(DirectPosts::Answer::kAll, now_ms);
    case Phase::kReadOut:
      return reply_early(std::exchange(pending_, {}), now_ms);
    case Phase::kPost:
    case Phase::kLeaving:
    case Phase::kClosing:
      return close();
  }
}

void DirectConnection::set_deadline(uint64_t at_ms) {
  deadline_ms_ = at_ms;
  be_called_at(at_ms);
}

void DirectConnection::close() {
  phase_ = Phase::kClosing;
  ending_ = Ending::kClose;
  question_.reset();
  lingering_.reset();
  output_.clear();
  wake();
}

}  // namespace daphnis::worker

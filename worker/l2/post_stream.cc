#include "worker/l2/post_stream.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "common/base/limits.h"
#include "common/http/http_writer.h"
#include "common/request/not_found.h"
#include "common/request/outcome.h"
#include "common/request/skip.h"

namespace daphnis::worker {
namespace {

/// The blocks that the L2 leaves out; nullopt where the value is no such number.
std::optional<uint64_t> skip_of(std::string_view value) {
  uint64_t blocks = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), blocks);
  const bool is_number = error == std::errc{} && end == value.data() + value.size();
  if (!is_number || blocks > kSkipBlocksMax) return std::nullopt;
  return blocks;
}

}  // namespace

PostStream::PostStream(PostCarrier& carrier, const Proof::Context& context, Proof::Attempt attempt,
                       const CarRequest& request, uint64_t now_ms)
    : carrier_(carrier), proof_(std::move(attempt), request, context, *this, now_ms) {}

void PostStream::start(Bytes received, uint64_t now_ms) {
  proof_.start(now_ms);
  on_bytes(Slice::copy_of(received), now_ms);
  carrier_.on_post_changed();
}

bool PostStream::wants_input() const {
  switch (phase_) {
    case Phase::kReading:
      return proof_.wants_input();
    case Phase::kReadingOut:
      return true;
    case Phase::kRead:
    case Phase::kReplied:
      return false;
    case Phase::kClosing:
      return ending_ == Ending::kHalfClose;
  }
  return false;
}

void PostStream::on_bytes(const Slice& input, uint64_t now_ms) {
  if (phase_ == Phase::kClosing) {
    if (!lingering_) return;
    lingering_->on_bytes(input.size);
    if (lingering_->is_over(now_ms)) close(Ending::kClose);
    return;
  }
  if (phase_ == Phase::kRead || phase_ == Phase::kReplied) {
    // One read may bring bytes in two buffers, and the POST has ended in the first.
    keep_surplus(input.bytes());
    if (phase_ == Phase::kReplied && !may_go_back_) {
      ending_ = Ending::kHalfClose;
      linger(now_ms);
    }
    return;
  }
  size_t at = 0;
  while (phase_ == Phase::kReading || phase_ == Phase::kReadingOut) {
    const http::Parser::Step step = parser_.step(input.bytes().subspan(at));
    at += step.consumed;
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        if (phase_ == Phase::kReading) proof_.on_input_used(now_ms);
        return;
      case http::Parser::Event::kHead:
        on_head(now_ms);
        break;
      case http::Parser::Event::kBody: {
        body_bytes_ += step.body.size();
        if (phase_ == Phase::kReadingOut) break;
        const auto from = static_cast<size_t>(step.body.data() - input.data);
        proof_.on_bytes(input.part(from, step.body.size()), now_ms);
        break;
      }
      case http::Parser::Event::kEnd:
        on_message_end(input.bytes().subspan(at), now_ms);
        break;
      case http::Parser::Event::kRefused:
        if (phase_ == Phase::kReadingOut) return reply_early(now_ms);
        proof_.on_malformed(parser_.refusal().detail, now_ms);
        break;
    }
  }
}

void PostStream::on_head(uint64_t now_ms) {
  const http::Head& head = parser_.head();
  if (head.find(kNotFoundHeader)) proof_.on_not_found();
  keeps_alive_ = head.keep_alive;
  if (head.expects_continue) output_.append(http::kContinue);
  const std::string* skip = head.find(kSkipHeader);
  if (!skip) return;
  const auto blocks = skip_of(*skip);
  if (!blocks) return proof_.on_malformed("Daphnis-Skip is no number of blocks", now_ms);
  if (*blocks > 0) proof_.on_skip(*blocks, now_ms);
}

void PostStream::on_message_end(Bytes past_the_end, uint64_t now_ms) {
  keep_surplus(past_the_end);
  if (phase_ == Phase::kReadingOut) return reply_at_end(now_ms);
  phase_ = Phase::kRead;
  proof_.on_end(now_ms);
}

void PostStream::keep_surplus(Bytes bytes) {
  may_go_back_ &= surplus_.size() + bytes.size() <= limits::kReturnSurplusBytesMax;
  if (may_go_back_) surplus_.insert(surplus_.end(), bytes.begin(), bytes.end());
}

/// Replies. The connection can be used again only where the message was read to its end.
void PostStream::on_outcome(uint64_t now_ms) {
  if (phase_ == Phase::kClosing) return;  // The L2 is gone.
  if (phase_ == Phase::kRead) return reply_at_end(now_ms);
  if (!may_read_out()) return reply_early(now_ms);
  phase_ = Phase::kReadingOut;
  carrier_.call_post_at(now_ms + limits::kLingerMs);
  carrier_.on_post_changed();
}

/// True where the L2 did its part, and the rest of its body is so little that to read it costs less
/// than a new connection.
bool PostStream::may_read_out() const {
  if (proof_.outcome() != Outcome::kOvertaken) return false;
  if (!keeps_alive_ || !proof_.is_from_this_broker()) return false;
  const auto& length = parser_.head().content_length;
  return length && *length - body_bytes_ <= limits::kReadOutBytesMax;
}

void PostStream::reply_at_end(uint64_t now_ms) {
  phase_ = Phase::kReplied;
  reply(row_of(proof_.outcome()).l2_status,
        keeps_alive_ && proof_.is_from_this_broker() && may_go_back_);
  carrier_.call_post_at(now_ms + limits::kLingerMs);
  if (ending_ != Ending::kGiveBack) linger(now_ms);
}

void PostStream::reply_early(uint64_t now_ms) {
  reply(row_of(proof_.outcome()).l2_status, false);
  linger(now_ms);
}

/// Takes the end of the L2's side. A reply would find no reader.
void PostStream::on_cut(uint64_t now_ms) {
  if (phase_ == Phase::kRead) {
    may_go_back_ = false;  // All of the message is here, so that the connection is needed no more.
    return;
  }
  const bool was_reading = phase_ == Phase::kReading;
  close(Ending::kClose);
  if (was_reading) proof_.on_cut(now_ms);
}

void PostStream::on_time(uint64_t now_ms) {
  if (phase_ == Phase::kReadingOut) return reply_early(now_ms);
  if (phase_ == Phase::kClosing || phase_ == Phase::kReplied) {
    // A reply of a few bytes that cannot be written within kLingerMs has no reader.
    if (!lingering_ || lingering_->is_over(now_ms)) return close(Ending::kClose);
    return carrier_.call_post_at(lingering_->deadline_ms());
  }
  proof_.on_time(now_ms);
}

size_t PostStream::output(std::span<Bytes> views) {
  if (output_.empty()) return 0;
  views[0] = as_bytes(output_);
  return 1;
}

void PostStream::reply(int status, bool keep_alive) {
  auto head = http::HeadWriter::response(status);
  head.add("Content-Length", uint64_t{0});
  // 422 is also said of a stream that was cut short, for which no L2 is ejected.
  if (proof_.outcome() == Outcome::kLied) head.add("Daphnis-Reason", "lied");
  if (!keep_alive) head.add("Connection", "close");
  output_.append(head.finish());
  ending_ = keep_alive ? Ending::kGiveBack : Ending::kHalfClose;
  carrier_.on_post_changed();
}

void PostStream::linger(uint64_t now_ms) {
  phase_ = Phase::kClosing;
  lingering_.emplace(now_ms);
  carrier_.call_post_at(lingering_->deadline_ms());
}

void PostStream::close(Ending how) {
  phase_ = Phase::kClosing;
  ending_ = how;
  lingering_.reset();
  output_.clear();
  carrier_.on_post_changed();
}

}  // namespace daphnis::worker

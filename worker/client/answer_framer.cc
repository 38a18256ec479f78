#include "worker/client/answer_framer.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/http/http_writer.h"

namespace daphnis::worker {
namespace {

constexpr std::string_view kChunkEndAndLast = "\r\n0\r\n\r\n";

}  // namespace

void AnswerFramer::make_head() {
  const Response& response = exchange_.response();
  head_ = http1_head(response, {.minor = exchange_.request().minor,
                                .is_head = exchange_.request().method == "HEAD",
                                .keep_alive = exchange_.may_keep_alive()});
  framing_ = std::move(head_.text);
  if (response.body && head_.framing == Framing::kLength) framing_.append(*response.body);
  head_left_ = framing_.size();
  stage_ = Stage::kContent;
}

/// Brings framing_ and content_left_ up to what can go out now.
void AnswerFramer::prepare() {
  if (stage_ == Stage::kHead) make_head();
  if (stage_ != Stage::kContent || content_left_ > 0) return;
  if (!exchange_.content().is_empty()) {
    content_left_ = exchange_.content().bytes();
    if (is_chunked()) framing_.append(as_text(http::ChunkHead(content_left_).bytes()));
  } else if (exchange_.state() == Exchange::State::kFinished) {
    if (is_chunked()) framing_.append(http::kLastChunk);
    stage_ = Stage::kEnd;
  }
}

std::string_view AnswerFramer::framing_left() const {
  return std::string_view(framing_).substr(framing_at_);
}

std::string_view AnswerFramer::head_left() {
  if (stage_ == Stage::kHead) make_head();
  return framing_left().substr(0, head_left_);
}

/// The bytes that follow the content of the chunk being written.
std::string_view AnswerFramer::chunk_tail() const {
  if (!is_chunked()) return {};
  const bool is_last = exchange_.state() == Exchange::State::kFinished &&
                       content_left_ == exchange_.content().bytes();
  return is_last ? kChunkEndAndLast : http::kChunkEnd;
}

size_t AnswerFramer::output(std::span<Bytes> views) {
  tail_ = {};
  if (exchange_.state() == Exchange::State::kWaiting || views.empty()) return 0;
  prepare();
  size_t count = 0;
  if (!framing_left().empty()) views[count++] = as_bytes(framing_left());
  if (content_left_ == 0) return count;

  const size_t before = count;
  count += exchange_.content().views(views.subspan(count), content_left_);
  uint64_t shown = 0;
  for (size_t i = before; i < count; ++i) shown += views[i].size();
  if (shown == content_left_ && count < views.size()) {
    tail_ = chunk_tail();
    if (!tail_.empty()) views[count++] = as_bytes(tail_);
  }
  return count;
}

bool AnswerFramer::has_file_next() const {
  return content_left_ > 0 && exchange_.content().file_bytes() > 0;
}

FileRange AnswerFramer::file_output() {
  tail_ = {};
  if (content_left_ == 0 || !framing_left().empty()) return {};
  FileRange range = exchange_.content().file_front();
  range.size = std::min({range.size, content_left_, uint64_t{limits::kFilePieceBytesMax}});
  return range;
}

void AnswerFramer::on_written(size_t size, uint64_t now_ms) {
  exchange_.on_first_byte(now_ms);
  const size_t framing = std::min(size, framing_left().size());
  framing_at_ += framing;
  head_left_ -= std::min(head_left_, framing);
  size -= framing;
  if (framing_left().empty()) {
    framing_.clear();
    framing_at_ = 0;
  }
  if (content_left_ == 0) return;

  const auto content = static_cast<size_t>(std::min<uint64_t>(size, content_left_));
  size -= content;
  const bool is_chunk_over = content == content_left_;
  if (is_chunk_over) {
    // The tail that was shown may be written in part. Where there was no space to show it, all of
    // it is left.
    const std::string_view tail = tail_.empty() ? chunk_tail() : tail_;
    framing_.append(tail.substr(std::min(size, tail.size())));
    if (tail == kChunkEndAndLast) stage_ = Stage::kEnd;
  }
  content_left_ -= content;
  // This call comes last, since it may bring more content at once.
  exchange_.on_content_written(content, now_ms);
}

bool AnswerFramer::is_done() const {
  const bool has_all = exchange_.state() == Exchange::State::kFinished &&
                       exchange_.content().is_empty() && framing_left().empty();
  return has_all && (stage_ == Stage::kEnd || (stage_ == Stage::kContent && !is_chunked()));
}

}  // namespace daphnis::worker

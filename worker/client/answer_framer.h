#pragma once

#include <span>
#include <string>
#include <string_view>

#include "worker/client/exchange.h"
#include "worker/client/http1_head.h"

namespace daphnis::worker {

/// Frames one exchange's answer for an HTTP/1 connection (RFC 9112 sections 6 and 7) as it is
/// pulled: the head, then the content as the head's framing says. One pull makes at most one chunk,
/// so that a batch of proven blocks costs one chunk line. Owned by the session, dies with its
/// exchange.
class AnswerFramer {
 public:
  explicit AnswerFramer(Exchange& exchange) : exchange_(exchange) {}

  /// As Connection::output(). Shows nothing before the answer has a head.
  [[nodiscard]] size_t output(std::span<Bytes> views);
  /// The next functions are those of Connection.
  [[nodiscard]] FileRange file_output();
  [[nodiscard]] bool has_file_next() const;
  void on_written(size_t size, uint64_t now_ms);

  /// The part of the head that has not been written yet, with the body that came with the response.
  [[nodiscard]] std::string_view head_left();
  /// How the body follows; kNone before the head is made, which is when it can first go out.
  [[nodiscard]] Framing framing() const { return head_.framing; }
  /// True where the connection stays open after the answer. Valid once the answer is_done().
  [[nodiscard]] bool keeps_open() const { return head_.keeps_open; }
  /// True once the whole answer has been written.
  [[nodiscard]] bool is_done() const;

 private:
  enum class Stage : uint8_t { kHead, kContent, kEnd };

  void prepare();
  void make_head();
  [[nodiscard]] bool is_chunked() const { return head_.framing == Framing::kChunked; }
  [[nodiscard]] std::string_view chunk_tail() const;
  [[nodiscard]] std::string_view framing_left() const;

  Exchange& exchange_;
  Stage stage_ = Stage::kHead;
  Http1Head head_;         ///< Its text has gone to framing_.
  std::string framing_;    ///< The framing that goes out before the content.
  size_t framing_at_ = 0;  ///< Bytes of framing_ that are written.
  /// Bytes of the head that are still to be written, once it is in framing_.
  size_t head_left_ = 0;
  uint64_t content_left_ = 0;  ///< Bytes of content before the next framing.
  std::string_view tail_;      ///< The framing that was shown after that content.
};

}  // namespace daphnis::worker

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "worker/client/exchange.h"

namespace daphnis::worker {

/// Puts one exchange's answer on an HTTP/1 connection (RFC 9112 sections 6 and 7) as it is pulled:
/// head, then content as the head's framing says, one chunk per pull, so that a batch of proven
/// blocks costs one chunk line. Owned by the session, dies with its exchange.
class AnswerFramer {
 public:
  explicit AnswerFramer(Exchange& exchange) : exchange_(exchange) {}

  /// As Connection::output(). Nothing before the answer's head is known.
  [[nodiscard]] size_t output(std::span<Bytes> views);
  /// As Connection's.
  [[nodiscard]] FileRange file_output();
  [[nodiscard]] bool has_file_next() const;
  void on_written(size_t size, uint64_t now_ms);

  /// What of the answer's head has not been written yet.
  [[nodiscard]] std::string_view head_left() const;
  /// The whole answer has been written.
  [[nodiscard]] bool is_done() const;

 private:
  enum class Stage : uint8_t { kHead, kContent, kEnd };

  void prepare();
  [[nodiscard]] bool is_chunked() const;
  [[nodiscard]] std::string_view chunk_tail() const;
  [[nodiscard]] std::string_view framing_left() const;

  Exchange& exchange_;
  Stage stage_ = Stage::kHead;
  std::string framing_;        ///< Goes out before the content.
  size_t framing_at_ = 0;      ///< How much of it is written.
  size_t head_left_ = 0;       ///< Bytes of the head that are not, once it is in framing_.
  uint64_t content_left_ = 0;  ///< Content before the next framing.
  std::string_view tail_;      ///< What was shown after that content.
};

}  // namespace daphnis::worker

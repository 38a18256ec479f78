#pragma once

#include "worker/answer/content_answer.h"
#include "worker/answer/fetch_answer.h"
#include "worker/gateway/answers.h"

namespace daphnis::worker {

/// Goes on, from a fetch, with an answer whose cached file failed after the head was sent: the same
/// request makes the same bytes, whatever their source. An answer that cannot be completed is cut.
/// Owned by its exchange.
class ResumedAnswer final : public FetchAnswer {
 public:
  /// `rest` is the part that is wanted of the fetch's output. The exchange is in the middle of its
  /// content.
  ResumedAnswer(Exchange& exchange, Fetch& fetch, Rest rest, const AnswerScene& scene,
                FetchTable& fetches);

  void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) override;
  void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) override;
  void on_whole(Fetch& fetch, uint64_t now_ms) override;
  void on_failed(Fetch& fetch, Outcome why, uint32_t retry_after_s, uint64_t now_ms) override;

 private:
  Rest rest_;
  const AnswerScene& scene_;
};

}  // namespace daphnis::worker

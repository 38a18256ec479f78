#pragma once

#include <string_view>

#include "worker/core/content_answer.h"

namespace daphnis::worker {

/// What is still to be sent of an answer, as a part of the fetch's output: the same request makes
/// the same bytes, whoever has them.
struct Rest {
  uint64_t offset = 0;
  uint64_t size = kNever;  ///< kNever: up to the end, wherever that is.
};

/// Goes on from a fetch with an answer whose file failed after its head had been sent. An answer
/// that cannot be completed is cut. Owned by its exchange.
class ResumedAnswer final : public Responder, public FetchReader {
 public:
  /// Reads from `fetch`, whose reader it is to become. The exchange is in mid-content.
  ResumedAnswer(Exchange& exchange, FetchId fetch, Rest rest, ReaderHost& host);

  void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) override;
  void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) override;
  void on_whole(Fetch& fetch, uint64_t now_ms) override;
  void on_failed(Fetch& fetch, FailureKind why, uint32_t retry_after_s, uint64_t now_ms) override;
  [[nodiscard]] bool is_full() const override { return exchange_.is_full(); }

  void on_room(uint64_t now_ms) override;
  void on_over(uint64_t now_ms) override;

 private:
  /// The part of the next `size` bytes of output that is wanted.
  struct Part {
    uint64_t offset;
    uint64_t size;
  };
  [[nodiscard]] Part take(uint64_t size);
  void note(const Fetch& fetch);
  void cut(FailureKind why, uint64_t now_ms);

  Exchange& exchange_;
  ReaderHost& host_;
  FetchId fetch_;  ///< 0: not reading any more.
  uint64_t skip_;  ///< Output that comes before what is wanted.
  uint64_t left_;  ///< kNever: all that comes.
};

}  // namespace daphnis::worker

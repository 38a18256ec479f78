#pragma once

#include "worker/client/exchange.h"
#include "worker/fetch/fetch.h"

namespace daphnis::worker {

/// What answers from a fetch ask of the Worker.
class ReaderHost {
 public:
  virtual void on_reader_space(FetchId fetch, FetchReader& reader, uint64_t now_ms) = 0;
  /// The reader is no longer there.
  virtual void on_reader_left(FetchId fetch, FetchReader& reader, uint64_t now_ms) = 0;

 protected:
  ~ReaderHost() = default;
};

/// What is still wanted of output that comes in parts.
struct Rest {
  uint64_t offset = 0;
  uint64_t size = kNever;  ///< kNever: up to the end, wherever that is.

  /// The wanted part of the next `bytes` of output, which are behind us then.
  struct Part {
    uint64_t offset;
    uint64_t size;
  };
  [[nodiscard]] Part take(uint64_t bytes);
};

/// An exchange's answer that reads from a fetch: what all of them do alike. Owned by its exchange.
class FetchAnswer : public Responder, public FetchReader {
 public:
  [[nodiscard]] bool is_full() const final { return exchange_.is_full(); }
  void on_space(uint64_t now_ms) final;
  void on_over(uint64_t now_ms) final;

 protected:
  /// `fetch`: whose reader it is to become.
  FetchAnswer(Exchange& exchange, FetchId fetch, ReaderHost& host)
      : exchange_(exchange), host_(host), fetch_(fetch) {}

  /// Notes for the access line where the content came from.
  void note_source(const Fetch& fetch);
  /// The fetch has let this reader go.
  void on_detached() { fetch_ = {}; }

  Exchange& exchange_;

 private:
  ReaderHost& host_;
  FetchId fetch_;  ///< 0: not reading any more.
};

}  // namespace daphnis::worker

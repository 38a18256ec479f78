#pragma once

#include "worker/client/exchange.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/fetch_table.h"

namespace daphnis::worker {

/// The part that is still wanted of output that comes in pieces.
struct Rest {
  uint64_t offset = 0;
  uint64_t size = kNever;  ///< Bytes wanted; kNever for all up to the end.

  /// The wanted part of a piece: its offset in the piece, and its size in bytes.
  struct Part {
    uint64_t offset;
    uint64_t size;
  };
  [[nodiscard]] Part take(uint64_t bytes);
};

/// The common part of answers that read from a fetch. Owned by its exchange.
class FetchAnswer : public Responder, public FetchReader {
 public:
  [[nodiscard]] bool is_full() const final { return exchange_.is_full(); }
  [[nodiscard]] uint64_t taken() const final { return exchange_.content_bytes_written(); }
  void on_moved(Fetch& loner) final { fetch_ = &loner; }
  [[nodiscard]] const std::string& address() const final { return exchange_.client().address; }
  [[nodiscard]] const std::string& trace_id() const final { return exchange_.facts.request_id; }
  void on_space(uint64_t now_ms) final;
  void on_over(uint64_t now_ms) final;

 protected:
  /// `fetch` is the fetch whose reader this object is to become, one of `fetches`.
  FetchAnswer(Exchange& exchange, Fetch& fetch, FetchTable& fetches)
      : exchange_(exchange), fetches_(fetches), fetch_(&fetch) {}

  /// Notes for the access line where the content came from.
  void note_source(const Fetch& fetch);
  /// The fetch has detached this reader.
  void on_detached() { fetch_ = nullptr; }

  Exchange& exchange_;

 private:
  FetchTable& fetches_;
  Fetch* fetch_;  ///< Lives while it has this reader; null where this object reads no more.
};

}  // namespace daphnis::worker

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/slice.h"
#include "common/http/http_parser.h"
#include "worker/base/agenda.h"
#include "worker/client/output_queue.h"
#include "worker/gateway/answers.h"

namespace daphnis::worker {

class Exchange;

/// How an exchange was over.
enum class ExchangeEnd : uint8_t {
  kComplete,    ///< The whole answer is in the kernel's hands.
  kAborted,     ///< We cut the answer, so that nobody takes it for whole.
  kClientLeft,  ///< The client went first.
  kClientSlow,  ///< The client took too little for too long; we cut it off.
};

/// What produces an answer that takes time. Owned by its exchange.
class Responder {
 public:
  virtual ~Responder() = default;
  /// The queue has fallen to its low mark after is_full().
  virtual void on_space(uint64_t now_ms) = 0;
  /// A part of a file that was pushed cannot be read, or is not there. `error` is of errno; 0: the
  /// file is too short. True: somebody has taken the exchange over (Exchange::resume()), and this
  /// object may be gone; false: the exchange is to be aborted.
  [[nodiscard]] virtual bool on_file_lost(const FileRange& /*range*/, int /*error*/,
                                          uint64_t /*now_ms*/) {
    return false;
  }
  /// The exchange is over; nothing is wanted any more. Called once.
  virtual void on_over(uint64_t now_ms) = 0;
};

/// What the client's protocol does with an answer. Implemented by the session that owns the
/// exchange.
class ExchangeOwner {
 public:
  /// The exchange has more to pull, or its state has changed.
  virtual void on_answer(Exchange& exchange, uint64_t now_ms) = 0;

 protected:
  ~ExchangeOwner() = default;
};

/// One request and its answer: where a client's protocol and the request machine meet. The protocol
/// hands a request in and pulls the answer out; the request machine starts, pushes and finishes or
/// aborts it. Owned by the client's session; dies when the answer is out or the client is gone.
class Exchange {
 public:
  enum class State : uint8_t { kWaiting, kContent, kFinished, kAborted };

  /// `high_bytes` is the queue's high watermark; the low one is half of it. `may_keep_alive`:
  /// client and server would both go on after the answer.
  Exchange(ExchangeOwner& owner, http::Head request, bool may_keep_alive, std::string client,
           size_t high_bytes, uint64_t now_ms);

  // --- For the request machine ---
  void set_responder(std::unique_ptr<Responder> responder) { responder_ = std::move(responder); }
  /// The answer's head; content may follow as far as its framing allows. Once, instead of answer().
  void start(ResponseHead head, uint64_t now_ms);
  /// A whole answer at once.
  void answer(int status, RenderedAnswer rendered, uint64_t now_ms);
  /// Appends content; moves the slices out of `content`. Dropped where the answer has no content.
  void push(Slices& content, uint64_t now_ms);
  /// Appends part of a file, of any size.
  void push(FileRange range, uint64_t now_ms);
  void finish(uint64_t now_ms);
  /// What was pushed and has not gone out is forgotten; content that takes its place is to come.
  void resume();
  /// Nothing of the answer is in the kernel's hands, nor is it whole: another can take its place.
  [[nodiscard]] bool may_take_back() const {
    return first_byte_ms_ == kNever && (state_ == State::kWaiting || state_ == State::kContent);
  }
  /// Forgets the answer as far as it has been made: waits for one again. Only where
  /// may_take_back().
  void take_back(uint64_t now_ms);
  /// The content cannot be completed: the client must be able to tell. From the answer's first byte
  /// on; before it, a truthful answer takes its place (break_off()).
  void abort(uint64_t now_ms);
  /// Above the high mark and not yet down to the low one: push no more than what is on its way.
  /// Parts of files count as memory does, though they hold none: whoever pushes a long one is
  /// called (Responder::on_space()) when it has almost gone out.
  [[nodiscard]] bool is_full() const { return is_full_; }
  /// Tells the responder, if there is one, that the exchange is over.
  void release(uint64_t now_ms) {
    if (responder_) responder_->on_over(now_ms);
  }

  // --- For the protocol ---
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const ResponseHead& head() const { return head_; }  ///< Valid after kWaiting.
  [[nodiscard]] const OutputQueue& content() const { return content_; }
  /// `size` bytes of content() are in the kernel's hands.
  void on_content_written(uint64_t size, uint64_t now_ms);
  /// content().file_front() cannot be sent. Aborts the exchange unless its responder knows better.
  void on_file_lost(int error, uint64_t now_ms);
  void on_first_byte(uint64_t now_ms);

  [[nodiscard]] const http::Head& request() const { return request_; }
  [[nodiscard]] bool may_keep_alive() const { return may_keep_alive_; }
  /// The answer is the connection's last, where its head is not out yet.
  void refuse_keep_alive() { may_keep_alive_ = false; }

  // --- For the access line ---
  /// What only the request machine knows.
  struct Facts {
    std::string request_id;
    std::string l2;
    uint32_t attempts = 0;
    CacheStatus cache = CacheStatus::kNone;
    std::string_view failure;  ///< Stable code of what went wrong; empty: nothing.
    bool counts_in_flight = false;
  };
  Facts facts = {};

  [[nodiscard]] const std::string& client() const { return client_; }
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }
  /// Of the answer's first byte; kNever before it.
  [[nodiscard]] uint64_t first_byte_ms() const { return first_byte_ms_; }
  [[nodiscard]] uint64_t content_bytes_written() const { return content_bytes_written_; }

 private:
  void on_pushed(uint64_t now_ms);

  ExchangeOwner& owner_;
  http::Head request_;
  bool may_keep_alive_;
  std::string client_;
  size_t high_bytes_;
  uint64_t started_ms_;
  uint64_t first_byte_ms_ = kNever;
  uint64_t content_bytes_written_ = 0;
  State state_ = State::kWaiting;
  bool is_full_ = false;
  ResponseHead head_;
  OutputQueue content_;
  std::unique_ptr<Responder> responder_;
};

/// Who answers requests. Implemented by the Worker; outlives every session.
class RequestSink {
 public:
  /// A whole request has come. The answer may begin within the call.
  virtual void on_request(Exchange& exchange, uint64_t now_ms) = 0;
  /// The client sent something that is no request; the connection closes after the answer.
  virtual void on_refused(Exchange& exchange, const http::Refusal& refusal, uint64_t now_ms) = 0;
  /// The exchange is over and dies after this call.
  virtual void on_exchange_over(Exchange& exchange, ExchangeEnd end, uint64_t now_ms) = 0;

 protected:
  ~RequestSink() = default;
};

}  // namespace daphnis::worker

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/slice.h"
#include "common/http/http_parser.h"
#include "common/request/outcome.h"
#include "worker/base/agenda.h"
#include "worker/client/client.h"
#include "worker/client/client_bounds.h"
#include "worker/client/output_queue.h"
#include "worker/client/retired.h"
#include "worker/gateway/answers.h"

namespace daphnis::worker {

class Exchange;

/// The producer of an answer that takes time. Owned by its exchange. One that another replaces, be
/// it within its own call, lives until the input has been handled, and is called no more.
class Responder {
 public:
  virtual ~Responder() = default;
  /// The queue has fallen to its low mark after is_full().
  virtual void on_space(uint64_t now_ms) = 0;
  /// A part of a file that was pushed cannot be read or is missing. `error` is an errno; 0 says
  /// that the file is too short. True where another responder has taken the exchange over
  /// (Exchange::resume()); false where the exchange must be aborted.
  [[nodiscard]] virtual bool on_file_lost(const FileRange& /*range*/, int /*error*/,
                                          uint64_t /*now_ms*/) {
    return false;
  }
  /// The exchange is over, and needs no more content. Called once.
  virtual void on_over(uint64_t now_ms) = 0;
};

/// The client's protocol, which pulls an answer. Implemented by the session that owns the exchange.
class ExchangeOwner {
 public:
  /// The exchange has more content, or its state has changed.
  virtual void on_answer(Exchange& exchange, uint64_t now_ms) = 0;

 protected:
  ~ExchangeOwner() = default;
};

/// One request and its answer, where a client's protocol and the worker's logic meet: the protocol
/// hands a request in and pulls the answer out; the worker starts the answer, pushes content, and
/// finishes or aborts it. Owned by the client's session; dies when the answer is out or the client
/// is gone.
class Exchange {
 public:
  enum class State : uint8_t { kWaiting, kContent, kFinished, kAborted };

  /// `high_bytes` is the queue's high watermark; the low one is half of it. `may_keep_alive` says
  /// that client and server both want to keep the connection after the answer.
  Exchange(ExchangeOwner& owner, Retired& retired, http::Head request, bool may_keep_alive,
           Client client, size_t high_bytes, uint64_t now_ms);

  // --- For the worker ---
  /// Sets the producer of the answer; null for none. The one before it is retired.
  void set_responder(std::unique_ptr<Responder> responder);
  /// Starts the answer, which is finished where the response has its body; else content may follow.
  /// Called once.
  void start(Response response, uint64_t now_ms);
  /// Appends content: moves the slices out of `content`. They are dropped where the answer has no
  /// body.
  void push(Slices& content, uint64_t now_ms);
  /// Appends a part of a file, of any size.
  void push(FileRange range, uint64_t now_ms);
  void finish(uint64_t now_ms);
  /// Drops content that was pushed and has not gone out; other content is to take its place.
  void resume();
  /// True where the kernel has nothing of the answer and the answer is not whole, so that another
  /// can take its place.
  [[nodiscard]] bool may_take_back() const {
    return first_byte_ms_ == kNever && (state_ == State::kWaiting || state_ == State::kContent);
  }
  /// Drops the answer as far as it has been made, so that the exchange waits again. Only where
  /// may_take_back().
  void take_back(uint64_t now_ms);
  /// Cuts the answer, so that the client can tell that it is not whole. Before the first byte
  /// break_off() gives a truthful answer instead.
  void abort(uint64_t now_ms);
  /// True from the high mark down to the low one: no more is to be pushed than what is on its way.
  /// Parts of files count as slices do, though they hold no memory: Responder::on_space() is called
  /// when a long one has almost gone out.
  [[nodiscard]] bool is_full() const { return is_full_; }
  /// Tells the responder, if there is one, that the exchange is over.
  void release(uint64_t now_ms) {
    if (responder_) responder_->on_over(now_ms);
  }

  // --- For the protocol ---
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Response& response() const { return response_; }  ///< Valid after kWaiting.
  [[nodiscard]] const OutputQueue& content() const { return content_; }
  /// The kernel has taken `size` bytes of content().
  void on_content_written(uint64_t size, uint64_t now_ms);
  /// content().file_front() cannot be sent. The exchange is aborted unless its responder finds
  /// another source.
  void on_file_lost(int error, uint64_t now_ms);
  void on_first_byte(uint64_t now_ms);

  [[nodiscard]] const http::Head& request() const { return request_; }
  [[nodiscard]] bool may_keep_alive() const { return may_keep_alive_; }
  /// Makes the answer the connection's last, unless its head is out.
  void refuse_keep_alive() { may_keep_alive_ = false; }

  // --- For the access line ---
  /// The facts that only the worker knows.
  struct Facts {
    std::string request_id;
    std::string l2;   ///< The L2 of the last bytes.
    std::string l2s;  ///< All L2s whose bytes were used; empty where there was at most one.
    uint32_t attempts = 0;
    CacheStatus cache = CacheStatus::kNone;
    std::string_view failure;  ///< The stable code of a failure; empty where there was none.
    bool counts_in_flight = false;
    ClientBounds::Share share = {};  ///< Its share of its client's bounds.
  };
  Facts facts = {};

  [[nodiscard]] const Client& client() const { return client_; }
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }
  /// The time of the answer's first byte; kNever before it.
  [[nodiscard]] uint64_t first_byte_ms() const { return first_byte_ms_; }
  [[nodiscard]] uint64_t content_bytes_written() const { return content_bytes_written_; }

 private:
  [[nodiscard]] bool takes_content() const {
    return request_.method != "HEAD" && !has_no_body(response_.status);
  }
  void on_pushed(uint64_t now_ms);

  ExchangeOwner& owner_;
  Retired& retired_;
  http::Head request_;
  bool may_keep_alive_;
  Client client_;
  size_t high_bytes_;
  uint64_t started_ms_;
  uint64_t first_byte_ms_ = kNever;
  uint64_t content_bytes_written_ = 0;
  State state_ = State::kWaiting;
  bool is_full_ = false;
  Response response_;
  OutputQueue content_;
  std::unique_ptr<Responder> responder_;
};

/// The receiver of requests. Implemented by the Worker; outlives every session.
class RequestSink {
 public:
  /// A whole request has come. The answer may begin within the call.
  virtual void on_request(Exchange& exchange, uint64_t now_ms) = 0;
  /// The client sent something that is no request. The connection closes after the answer.
  virtual void on_refused(Exchange& exchange, const http::Refusal& refusal, uint64_t now_ms) = 0;
  /// The session refuses the request: kHeadTimeout, kBodyTooLarge, kTooMany or kDraining. The
  /// connection closes after the answer.
  virtual void on_refused(Exchange& exchange, Outcome outcome, uint64_t now_ms) = 0;
  /// The exchange is over, and is asked for nothing more after this call: kComplete where the
  /// kernel has the whole answer, else kCutOff, kClientLeft or kClientSlow.
  virtual void on_exchange_over(Exchange& exchange, Outcome end, uint64_t now_ms) = 0;

 protected:
  ~RequestSink() = default;
};

}  // namespace daphnis::worker

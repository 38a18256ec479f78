#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/http/http_parser.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"
#include "l2/core/l1_url.h"
#include "l2/uv/dial.h"

namespace daphnis::l2 {

/// A client connection to an L1: HTTP/1.1, one exchange at a time, one after another where the L1
/// keeps it open. Owned by the exchange (a registration, a post of holdings, an upload) or, idle,
/// by the client's pool; may be destroyed inside its events, which cancels everything.
class Link {
 public:
  struct Events {
    /// Connected (or already so): write() may begin. Comes in a later turn than begin().
    std::function<void()> on_ready;
    /// All that was written is in the kernel's hands.
    std::function<void()> on_drained = nullptr;
    std::function<void(const http::Head&)> on_head = nullptr;
    std::function<void(Bytes)> on_body = nullptr;
    /// The answer is whole. is_reusable() tells whether begin() may follow.
    std::function<void()> on_end = nullptr;
    /// Could not connect, was closed before the answer was whole, or the answer is not HTTP. Last.
    std::function<void(const std::string& why)> on_lost;
  };

  Link(uv::Loop& loop, const L1Url& to);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Begins an exchange.
  void begin(Events events);
  /// Between exchanges: tells when the L1 closes it.
  void rest(std::function<void()> on_gone);
  void write(std::string bytes) { stream_->write(std::move(bytes)); }
  void write(Slices slices) { stream_->write(std::move(slices)); }
  [[nodiscard]] bool is_drained() const { return stream_->unsent_bytes() == 0; }

  /// In on_end: the field behind the answer's body; empty where there is none.
  [[nodiscard]] std::string trailer(std::string_view name) const;
  /// Between exchanges: true where the connection stands and is in step.
  [[nodiscard]] bool is_reusable() const { return is_idle_; }
  /// An exchange has been made on it before: the L1 may have closed it at this very moment.
  [[nodiscard]] bool is_used() const { return exchanges_ > 1; }

 private:
  void connect();
  void on_bytes(Bytes bytes);
  void on_closed(const std::string& why);
  void lose(const std::string& why);

  uv::Loop& loop_;
  L1Url to_;
  /// Shared with the event under way, which may destroy this or begin() anew.
  std::shared_ptr<const Events> events_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<uv::Stream> stream_;
  uv::Timer later_;
  http::Parser parser_{http::Parser::Kind::kResponse};
  uint64_t exchanges_ = 0;
  bool is_idle_ = false;
  std::shared_ptr<bool> is_alive_;  ///< Tells code under way that an event has destroyed this.
};

}  // namespace daphnis::l2

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/http/http_parser.h"
#include "common/tls/context.h"
#include "common/uv/byte_stream.h"
#include "common/uv/loop.h"
#include "common/uv/tls/tls_stream.h"
#include "l2/core/l1_url.h"
#include "l2/uv/client_handshake.h"
#include "l2/uv/dial.h"

namespace daphnis::l2 {

/// A client connection to an L1 or to a worker of it, over TLS or in plain text: HTTP/1.1, one
/// exchange at a time, and further ones where the L1 keeps the connection open. Owned by the
/// exchange (a registration, a post of holdings, an upload) or, while idle, by the client's pool.
/// Its destruction cancels the exchange and is allowed inside its events.
class Link {
 public:
  struct Events {
    /// The link is connected and write() may begin. Comes in a later turn than begin().
    std::function<void()> on_ready;
    /// The kernel has taken all that was written.
    std::function<void()> on_drained = nullptr;
    std::function<void(const http::Head&)> on_head = nullptr;
    std::function<void(Bytes)> on_body = nullptr;
    /// The reply is whole. is_reusable() says whether begin() may follow.
    std::function<void()> on_end = nullptr;
    /// The connection could not be made or was closed before the reply was whole, or the reply is
    /// not HTTP. The last event.
    std::function<void(const std::string& why)> on_lost;
  };

  /// `tls` is for an L1 that TLS is spoken with; it may be null for others.
  Link(uv::Loop& loop, const L1Url& to, std::shared_ptr<const tls::Context> tls);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Begins an exchange.
  void begin(Events events);
  /// Between exchanges: calls `on_gone` when the L1 closes the connection.
  void rest(std::function<void()> on_gone);
  void write(std::string bytes) { stream_->write(std::move(bytes)); }
  void write(Slices slices) { stream_->write(std::move(slices)); }
  [[nodiscard]] bool is_drained() const { return stream_->unsent_bytes() == 0; }

  /// In on_end: the field of that name behind the reply's body; empty where there is none.
  [[nodiscard]] std::string trailer(std::string_view name) const;
  /// In on_lost: what the owner of this L2 can do about it; empty where nothing is known to help.
  [[nodiscard]] const std::string& advice() const { return advice_; }
  /// In on_lost: the fault of its TLS session; kNone where it came to none, or that had no fault.
  [[nodiscard]] tls::Fault fault() const { return fault_; }
  [[nodiscard]] const L1Url& to() const { return to_; }
  /// Between exchanges: true where the connection is open and the last exchange is complete.
  [[nodiscard]] bool is_reusable() const { return is_idle_; }
  /// True where this is not the connection's first exchange, so that the L1 may have closed the
  /// connection before it saw this one.
  [[nodiscard]] bool is_used() const { return exchanges_ > 1; }

 private:
  void connect();
  void shake_hands(uv::UvPtr<uv_tcp_t> tcp);
  void open(std::unique_ptr<uv::ByteStream> stream);
  [[nodiscard]] uv::ByteStream::Events stream_events();
  void on_bytes(Bytes bytes);
  void on_closed(const std::string& why);
  void lose(const std::string& why);

  uv::Loop& loop_;
  L1Url to_;
  std::shared_ptr<const tls::Context> tls_;
  /// Shared with the event under way, which may destroy this link or call begin().
  std::shared_ptr<const Events> events_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<ClientHandshake> handshake_;
  std::unique_ptr<uv::ByteStream> stream_;
  const uv::TlsStream* tls_stream_ = nullptr;  ///< The same, where it is over TLS.
  uv::Timer later_;
  http::Parser parser_{http::Parser::Kind::kResponse};
  uint64_t exchanges_ = 0;
  bool is_idle_ = false;
  bool has_read_ = false;  ///< Bytes of a reply have come.
  std::string advice_;
  tls::Fault fault_ = tls::Fault::kNone;
  std::shared_ptr<bool> is_alive_;  ///< False once an event has destroyed this link.
};

}  // namespace daphnis::l2

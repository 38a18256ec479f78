#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/ip_address.h"
#include "common/http/http_parser.h"
#include "worker/base/connection.h"
#include "worker/base/lingering.h"
#include "worker/base/rate_watch.h"
#include "worker/base/settings.h"
#include "worker/client/answer_framer.h"
#include "worker/client/client_bounds.h"
#include "worker/client/exchange.h"
#include "worker/client/idle_clients.h"
#include "worker/client/retired.h"

namespace daphnis::worker {

/// The data that all sessions share. Owned by the Worker.
struct SessionContext {
  const Settings& settings;
  RequestSink& sink;
  ClientBounds& bounds;
  /// The worker drains: every answer from now on is its connection's last.
  bool is_draining = false;
  IdleClients idle_clients = {};
  /// Clients that ended their side and wait for an answer of which nothing has gone out.
  IdleClients half_closed = {};
  /// Exchanges and responders that end with the input.
  Retired retired = {};
};

/// One client's HTTP/1 connection (RFC 9112). Requests are handled one at a time: the next one is
/// parsed when the answer before it is out. Owns the exchange under way and input that is not
/// parsed yet (at most kClientUnreadBytesMax and one read). A client that ends its side (RFC 9112
/// section 9.6) gets the answers to all that it has asked for, then the connection closes; a client
/// that is gone looks the same until a write fails. Owned by the Worker.
class ClientSession final : public Connection, private ExchangeOwner {
 public:
  ClientSession(ConnectionId id, Agenda& agenda, SessionContext& context, Client client,
                uint64_t now_ms);

  void on_bytes(const Slice& input, uint64_t now_ms) override;
  void on_eof(uint64_t now_ms) override;
  void on_lost(uint64_t now_ms) override;
  void on_written(size_t size, uint64_t now_ms) override;
  void on_file_awaited() override { rate_.stop(); }
  void on_file_lost(int error, uint64_t now_ms) override;
  void on_unsent(size_t kernel_bytes, uint64_t now_ms) override;
  void on_time(uint64_t now_ms) override;
  [[nodiscard]] size_t output(std::span<Bytes> views) override;
  [[nodiscard]] FileRange file_output() override;
  [[nodiscard]] bool has_file_next() const override;
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] bool keeps_input() const override { return false; }
  [[nodiscard]] Ending ending() const override { return ending_; }
  [[nodiscard]] bool end_looks_whole() const override;

  /// The process ends now: a client that waits for an answer is told to come again.
  void leave(uint64_t now_ms);
  /// The worker drains. A client that was told that its connection stays open may ask once more,
  /// within Settings::drain_idle_ms, and learns from that answer that it is the last.
  void drain(uint64_t now_ms);
  /// Answers 429 before anything has come, and closes. For a session that has just begun.
  void turn_away(uint64_t now_ms) { refuse(Outcome::kTooMany, now_ms); }
  /// Keeps the connection's share of its client's bounds.
  void hold(ClientBounds::Share share) { share_ = std::move(share); }
  /// Closes an idle or half-closed session, whose place is needed.
  void shed(uint64_t now_ms);
  /// True where no request is under way and none has begun.
  [[nodiscard]] bool is_idle() const { return phase_ == Phase::kReading && !parser_.in_message(); }

 private:
  enum class Phase : uint8_t {
    kReading,    ///< The session is between requests or inside one.
    kAnswering,  ///< An answer is under way; exchange_ and framer_ are set.
    kClosing,    ///< No more requests are answered; input is thrown away.
  };

  void on_answer(Exchange& exchange, uint64_t now_ms) override;

  void parse(Bytes input, uint64_t now_ms);
  void parse_unread(uint64_t now_ms);
  void on_head(uint64_t now_ms);
  /// Answers what has come as a request that is refused; `why` is an Outcome, or what the parser
  /// says.
  void refuse(const auto& why, uint64_t now_ms) {
    is_cut_off_ = true;
    open_exchange({}, now_ms);
    context_.sink.on_refused(*exchange_, why, now_ms);
  }
  [[nodiscard]] Client client_of(const http::Head& head);
  void open_exchange(http::Head head, uint64_t now_ms);
  void end_exchange(Outcome end, uint64_t now_ms);
  void on_answer_written(uint64_t now_ms);
  void cut_off(std::string_view head_left, Ending how, uint64_t now_ms);
  void close(Ending how);
  void linger(uint64_t now_ms);
  void watch_reading(uint64_t now_ms);
  [[nodiscard]] uint64_t idle_ms() const;

  SessionContext& context_;
  Client client_;  ///< At the other end of the connection.
  /// Its address, where it is a trusted proxy and may name the client of each request.
  std::optional<IpAddress> proxy_;
  ClientBounds::Share share_;
  http::Parser parser_{http::Parser::Kind::kRequest};
  std::string unread_;   ///< Input that came while an answer was under way.
  std::string interim_;  ///< An interim response that goes out before any answer: "100 Continue".
  std::unique_ptr<Exchange> exchange_;
  std::optional<AnswerFramer> framer_;
  Phase phase_ = Phase::kReading;
  Ending ending_ = Ending::kOpen;
  std::optional<Lingering> lingering_;

  uint64_t body_bytes_ = 0;  ///< Bytes of the body of the request being read.
  /// A request has begun: the deadline is that of its head, not of idleness.
  bool in_request_ = false;
  uint64_t reading_deadline_ms_;
  IdleClients::Place idle_;
  IdleClients::Place half_closed_;
  /// The request was refused in the middle: more of it may be on its way.
  bool is_cut_off_ = false;
  bool has_ended_ = false;  ///< The client has ended its side.
  /// The rest of the head of an answer that was cut after its first byte. It goes out before the
  /// cut, for at most kLingerMs. Empty where there is none.
  std::string head_left_;
  Ending cut_ending_ = Ending::kClose;  ///< The ending that follows head_left_.
  uint64_t cut_deadline_ms_ = kNever;

  RateWatch rate_;
  uint64_t written_bytes_ = 0;  ///< Bytes written in the connection's life.
};

}  // namespace daphnis::worker

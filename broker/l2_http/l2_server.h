#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <string>

#include "broker/base/context.h"
#include "broker/dispatch/dispatcher.h"
#include "broker/l2_http/l2_connection.h"
#include "broker/l2_http/l2_target.h"
#include "broker/l2_http/ndjson_line.h"
#include "broker/l2_http/peers.h"
#include "broker/registry/registrations.h"
#include "broker/workers/workers.h"

namespace daphnis::broker {

/// Serves all connections of L2s: opens registrations, hands deliveries off to workers, takes
/// holdings and not-founds, and replies to everything else. Owned by the broker.
///
/// An early reply, to a message that was not read to its end, is also a cancel (DESIGN 4a): it has
/// `Connection: close`, our side ends, up to kDrainBytesMax are drained for up to
/// Settings::linger_ms, and the connection is closed. A POST that nobody waits for, of which a
/// Content-Length says that it has at most kReadOutBytesMax, is read to its end instead.
class L2Server final : public NdjsonLine::Connections {
 public:
  L2Server(Context& context, Registrations& registrations, Dispatcher& dispatcher, Workers& workers)
      : context_(context),
        registrations_(registrations),
        dispatcher_(dispatcher),
        workers_(workers) {}

  /// A connection was accepted, or came back from a worker.
  void on_connected(ConnId id, const L2Peer& peer, uint64_t now_ms);
  void on_bytes(ConnId id, Bytes bytes, uint64_t now_ms);
  /// `unsent_bytes` of what was written are not yet in the kernel.
  void on_unsent(ConnId id, size_t unsent_bytes, uint64_t now_ms);
  /// The peer ended its side, or the connection failed.
  void on_closed(ConnId id, std::string_view why, uint64_t now_ms);
  void on_timer(ConnId id, uint64_t now_ms);

  /// Ends an L2's registration from our side and forgets the L2. Where the L2 does not read, its
  /// line is cut.
  void drop(L2& l2, std::string_view reason, uint64_t now_ms);
  /// Ends the registrations of L2s that Context::auth no longer lets in.
  void end_revoked(uint64_t now_ms);
  /// Refuses new registrations, ends those there are, and closes idle connections.
  void drain(uint64_t now_ms);

  [[nodiscard]] size_t connections() const { return connections_.size(); }

 private:
  [[nodiscard]] L2Connection* find(ConnId id);
  void feed(L2Connection& connection, Bytes bytes, uint64_t now_ms);
  /// False: this connection takes no more messages, or is gone.
  [[nodiscard]] bool on_head(L2Connection& connection, Bytes rest, uint64_t now_ms);
  [[nodiscard]] bool on_body(L2Connection& connection, Bytes body, uint64_t now_ms);
  void on_end(L2Connection& connection, uint64_t now_ms);
  void on_refused(L2Connection& connection, uint64_t now_ms);

  void open_registration(L2Connection& connection, RegisterTarget&& target, uint64_t now_ms);
  bool take_delivery(L2Connection& connection, const DataTarget& target, Bytes rest,
                     uint64_t now_ms);
  /// Replies to a POST that nobody waits for: behind a small body, so that the connection goes on,
  /// else at once.
  bool take_cancelled(L2Connection& connection, uint64_t now_ms);
  bool end_cancelled(L2Connection& connection, uint64_t now_ms);
  bool hand_off(L2Connection& connection, const Uuid& attempt_id, WorkerId worker, Bytes rest,
                uint64_t now_ms);
  bool begin_holdings(L2Connection& connection, const std::string& l2_id, uint64_t now_ms);
  void take_root(L2Connection& connection, HoldingsParser::Verb verb, const Cid& root,
                 uint64_t now_ms);
  void count_junk_lines(const L2Connection& connection);
  void take_completeness(const L2Connection& connection);
  bool refuse_removal(L2Connection& connection, uint64_t now_ms);

  /// Replies and ends our side. Always false, for on_head() to return.
  bool end_with(L2Connection& connection, const BadTarget& what, uint64_t now_ms) {
    return end_with(connection, what.status, what.code, what.detail, now_ms);
  }
  bool end_with(L2Connection& connection, int status, std::string_view code,
                std::string_view detail, uint64_t now_ms);
  bool end_with(L2Connection& connection, int status, std::string_view code,
                std::string_view detail, uint32_t retry_after_s, uint64_t now_ms);
  /// Tells the log and the L2, at most once a minute, that another node tries to take its id.
  /// `reason` is the code of the refusal.
  void tell_contest(L2& l2, const std::string& address, std::string_view reason, uint64_t now_ms);
  /// Decides whether the L2 may register, and notes in the registration how it has shown that it
  /// may. Returns what is wrong with its token or certificate; nullopt: it may.
  [[nodiscard]] std::optional<TokenFault> judge(const L2Connection& connection,
                                                Registration& registration, uint64_t now_ms) const;
  void refuse_token(L2Connection& connection, const Registration& registration, TokenFault fault,
                    uint64_t now_ms);
  void refuse_registration(L2Connection& connection, std::string_view code, std::string_view detail,
                           uint64_t now_ms);
  void refuse_registration(L2Connection& connection, int status, std::string_view code,
                           std::string_view detail, uint32_t retry_after_s, uint64_t now_ms);
  void say(L2Connection& connection, std::string bytes);
  void linger(ConnId id, uint64_t now_ms) override;
  void linger(L2Connection& connection, uint64_t now_ms);
  void close(ConnId id) override;
  void close(L2Connection& connection);
  void forget(L2Connection& connection);
  /// Adds the connection to the idle ones, or removes it from them.
  void set_idle(L2Connection& connection, bool is_idle);
  /// Closes this idle connection in favour of a new one; false where there is none.
  [[nodiscard]] bool displace(std::optional<ConnId> idle);
  /// True where one more connection fits the bounds; may close idle ones for that.
  [[nodiscard]] bool has_place_for(Network network);
  void arm(L2Connection& connection, uint64_t at_ms);

  Context& context_;
  Registrations& registrations_;
  Dispatcher& dispatcher_;
  Workers& workers_;
  absl::flat_hash_map<ConnId, std::unique_ptr<L2Connection>> connections_;
  Peers peers_;
  bool is_draining_ = false;
};

}  // namespace daphnis::broker

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/timers.h"
#include "broker/l2_http/holdings_parser.h"
#include "broker/registry/l2.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// What is known of the far end of a connection.
struct L2Peer {
  std::string address;            ///< Without port.
  uint64_t cookie = 0;            ///< The socket's SO_COOKIE.
  bool over_tls = false;          ///< Nobody on the way can read or change what it carries.
  std::string certified_id = {};  ///< The L2 id that its certificate proves; empty: none.
};

/// One connection of an L2: finds the messages in its bytes, and keeps the raw bytes of an
/// incomplete head, since all bytes that were read go with a handed-off socket (DESIGN 4a).
/// Sans-I/O; owned by the L2Server, which decides what each message means. Keeps at most
/// kHttpHeadBytesMax.
class L2Connection {
 public:
  enum class State : uint8_t {
    kHead,        ///< Between messages, or in a head.
    kNotFound,    ///< In the body of a not-found, which must be empty.
    kHoldings,    ///< In a holdings body.
    kReadOut,     ///< In the small body of a POST that nobody waits for; a reply follows it.
    kRegistered,  ///< An endless response is being sent.
    kLingering,   ///< Our side is ended; bytes that come are drained.
  };
  struct Event {
    http::Parser::Event kind;
    Bytes body = {};  ///< Only for kBody.
  };

  L2Connection(ConnId of, const L2Peer& peer)
      : id(of),
        address(peer.address),
        network(network_of(address)),
        cookie(peer.cookie),
        over_tls(peer.over_tls),
        certified_id(peer.certified_id) {}

  /// The next event; takes the bytes that it used off the front of `bytes`.
  [[nodiscard]] Event next(Bytes& bytes);
  /// Frees the memory of the last message before a long silence. Call it between messages only.
  void rest();
  /// After kHead: all bytes of this message so far; `rest` is what next() has left of the read.
  [[nodiscard]] std::vector<uint8_t> received(Bytes rest) const;

  [[nodiscard]] const http::Head& head() const { return parser_.head(); }
  [[nodiscard]] const http::Refusal& refusal() const { return parser_.refusal(); }
  [[nodiscard]] bool has_begun() const { return parser_.in_message(); }
  /// True between messages and before the first.
  [[nodiscard]] bool is_idle() const { return state == State::kHead && !has_begun(); }
  /// The text of a head that is not complete or was refused, as far as it was read. Empty in a
  /// body. Valid within the handling of one read.
  [[nodiscard]] std::string_view head_text() const;

  const ConnId id;
  const std::string address;
  const Network network;
  const uint64_t cookie;
  const bool over_tls;
  const std::string certified_id;
  State state = State::kHead;
  TimerSlot timer;
  uint64_t idle_turn = 0;      ///< Its turn in Peers; 0: it is not idle.
  uint64_t body_bytes = 0;     ///< Bytes of this message's body so far.
  uint64_t unsent_bytes = 0;   ///< Bytes of our replies that the kernel has not taken.
  uint64_t drained_bytes = 0;  ///< Bytes read while registered or lingering.
  bool drains_car = false;     ///< The bytes drained are a CAR's.
  L2No l2{};                   ///< kRegistered, kHoldings: the L2 of this registration.
  std::optional<HoldingsParser> holdings;
  uint64_t session = 0;           ///< kHoldings: the L2's session when they began.
  bool may_remove = false;        ///< kHoldings: the L2 has shown the session's key.
  bool has_tried_remove = false;  ///< kHoldings: it tried without that key.
  uint64_t holdings_added = 0;
  uint64_t holdings_removed = 0;

 private:
  http::Parser parser_{http::Parser::Kind::kRequest};
  std::vector<uint8_t> held_;  ///< The earlier reads of an incomplete head.
  Bytes last_;                 ///< The last read of the head; empty once held_ has it.
  bool in_body_ = false;
};

}  // namespace daphnis::broker

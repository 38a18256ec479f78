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

/// One TCP connection of an L2 as the bytes come in: finds messages, and keeps the raw bytes of a
/// head that is not complete, since all that was read goes with a handed-off socket (DESIGN 4a).
/// Sans-I/O; owned by the L2Server, which decides what each message means. Holds at most a head
/// (kHttpHeadBytesMax).
class L2Connection {
 public:
  enum class State : uint8_t {
    kHead,        ///< Between messages or in a head.
    kNotFound,    ///< In the (empty) body of a not-found.
    kHoldings,    ///< In a holdings body.
    kRegistered,  ///< An endless response is being sent.
    kLingering,   ///< Our side is ended; what comes is drained.
  };
  struct Event {
    http::Parser::Event kind;
    Bytes body = {};  ///< For kBody.
  };

  L2Connection(ConnId of, std::string peer, uint64_t socket_cookie)
      : id(of), address(std::move(peer)), network(network_of(address)), cookie(socket_cookie) {}

  /// The next event; takes what it used off the front of `bytes`.
  [[nodiscard]] Event next(Bytes& bytes);
  /// Gives back what its last message took, before a long silence. Between messages only.
  void rest();
  /// At kHead: all bytes of this message so far, `rest` being what next() has left over.
  [[nodiscard]] std::vector<uint8_t> received(Bytes rest) const;

  [[nodiscard]] const http::Head& head() const { return parser_.head(); }
  [[nodiscard]] const http::Refusal& refusal() const { return parser_.refusal(); }
  [[nodiscard]] bool has_begun() const { return parser_.in_message(); }
  /// It asks for nothing, be it between messages or before the first.
  [[nodiscard]] bool is_idle() const { return state == State::kHead && !has_begun(); }
  /// What was read so far of a head that is not complete or was refused, or its beginning. Empty in
  /// a body. Valid until the read that is being served is over.
  [[nodiscard]] std::string_view head_text() const;

  const ConnId id;
  const std::string address;
  const Network network;
  const uint64_t cookie;
  State state = State::kHead;
  TimerSlot timer;
  uint64_t idle_place = 0;     ///< Among the idle ones (Peers); 0: it is none of them.
  uint64_t body_bytes = 0;     ///< Of this message.
  uint64_t unsent_bytes = 0;   ///< Of our answers, what the kernel has not taken.
  uint64_t drained_bytes = 0;  ///< While registered or lingering.
  bool drains_car = false;     ///< What is drained is a CAR's bytes.
  L2No l2{};                   ///< kRegistered: whose stream; kHoldings: whose roots.
  std::optional<HoldingsParser> holdings;
  uint64_t session = 0;           ///< kHoldings: which of the L2's registrations they belong to.
  bool may_remove = false;        ///< Of holdings: it has shown the session's key.
  bool has_tried_remove = false;  ///< Without that.
  uint64_t holdings_added = 0;
  uint64_t holdings_removed = 0;

 private:
  http::Parser parser_{http::Parser::Kind::kRequest};
  std::vector<uint8_t> held_;  ///< Of a head that came in more than one read.
  Bytes last_;                 ///< What the head's last read offered; empty once it was kept.
  bool in_body_ = false;
};

}  // namespace daphnis::broker

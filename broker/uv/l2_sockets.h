#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>

#include "broker/base/ids.h"
#include "broker/l2_http/l2_connection.h"
#include "broker/uv/relay.h"
#include "common/tls/session.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::broker::uv {

/// The sockets behind the broker's ConnIds, and the relays of those that were handed off and carry
/// TLS. Owned by the Shell, which calls it for the core's commands and passes its events to the
/// core. Knows nothing of HTTP.
class L2Sockets {
 public:
  struct Events {
    std::function<void(ConnId, Bytes)> on_bytes;
    /// The kernel has taken some of the unsent bytes. Never called from within write().
    std::function<void(ConnId, size_t unsent_bytes)> on_unsent;
    std::function<void(ConnId, const std::string& why)> on_closed;
  };
  L2Sockets(daphnis::uv::Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}

  struct Added {
    ConnId id;
    L2Peer peer;
  };
  /// Takes an accepted socket, or one that came back, and starts reading; events come in a later
  /// turn of the loop. Where no `address` is given, the peer's is taken.
  Added add(daphnis::uv::UvPtr<uv_tcp_t> tcp, std::string address = {});
  /// Does the same with a connection whose TLS handshake is done.
  Added add(daphnis::uv::UvPtr<uv_tcp_t> tcp, std::unique_ptr<tls::Session> session,
            const std::string& address);

  /// Writes; returns the bytes of this and earlier writes that the kernel has not taken.
  [[nodiscard]] size_t write(ConnId id, std::string bytes);
  void shutdown(ConnId id);
  void close(ConnId id) { sockets_.erase(id); }
  /// Sets a small send buffer and TCP_USER_TIMEOUT: order lines and heartbeats would otherwise
  /// vanish into buffers, and a dead peer would not be noticed.
  void tune_registration(ConnId id, unsigned user_timeout_ms);

  struct Released {
    daphnis::uv::UvPtr<uv_tcp_t> tcp;
    uint64_t cookie = 0;  ///< Its SO_COOKIE.
  };
  /// Gives the socket away; where it carries TLS, one end of a pair that has its content from now
  /// on. Null: bytes of ours are still unsent, or there is no pair, so it was closed instead.
  [[nodiscard]] Released release(ConnId id);

  /// The number of relays.
  [[nodiscard]] size_t relays() const { return relays_.size(); }

 private:
  struct Socket {
    std::unique_ptr<daphnis::uv::ByteStream> stream;
    daphnis::uv::Stream* plain = nullptr;  ///< The stream where it is one; else null.
    L2Peer peer;
  };
  /// A relay, and what is known of its L2.
  struct Relayed {
    std::unique_ptr<Relay> relay;
    L2Peer peer;  ///< With the cookie of the end that was given away.
  };

  [[nodiscard]] daphnis::uv::ByteStream::Events events_of(ConnId id);
  [[nodiscard]] Relay* relay_of(ConnId id);
  [[nodiscard]] Released relay(ConnId id, Socket socket);

  daphnis::uv::Loop& loop_;
  Events events_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<ConnId, Socket> sockets_;
  absl::flat_hash_map<ConnId, Relayed> relays_;  ///< By the ConnId of the L2's own connection.
  absl::flat_hash_map<uint64_t, ConnId> relays_by_cookie_;
};

}  // namespace daphnis::broker::uv

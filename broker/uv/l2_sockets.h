#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>

#include "broker/base/ids.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::broker::uv {

/// The sockets behind the broker's ConnIds. Owned by the Shell, which calls it for the core's
/// commands and passes its events to the core. Knows nothing of HTTP.
class L2Sockets {
 public:
  struct Events {
    std::function<void(ConnId, Bytes)> on_bytes;
    /// The kernel has taken some of the unsent bytes. Never called from within write().
    std::function<void(ConnId, size_t unsent_bytes)> on_unsent;
    std::function<void(ConnId, const std::string& why)> on_closed;
  };
  explicit L2Sockets(Events events) : events_(std::move(events)) {}

  struct Added {
    ConnId id;
    std::string address;
    uint64_t cookie;
  };
  /// Takes an accepted socket and starts reading; events come in a later turn of the loop. Where no
  /// `address` is given, the peer's is taken.
  Added add(daphnis::uv::UvPtr<uv_tcp_t> tcp, std::string address = {});

  /// Writes; returns the bytes of this and earlier writes that the kernel has not taken.
  [[nodiscard]] size_t write(ConnId id, std::string bytes);
  void shutdown(ConnId id);
  void close(ConnId id) { streams_.erase(id); }
  /// Sets a small send buffer and TCP_USER_TIMEOUT: order lines and heartbeats would otherwise
  /// vanish into buffers, and a dead peer would not be noticed.
  void tune_registration(ConnId id, unsigned user_timeout_ms);
  /// Gives the socket away. Null: bytes of ours are still unsent, so the socket was closed instead.
  [[nodiscard]] daphnis::uv::UvPtr<uv_tcp_t> release(ConnId id);

 private:
  Events events_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<ConnId, std::unique_ptr<daphnis::uv::Stream>> streams_;
};

}  // namespace daphnis::broker::uv

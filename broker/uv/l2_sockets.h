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

/// The sockets behind the broker's ConnIds. Owned by the Shell; does what commands say and reports
/// what the sockets say. Knows nothing of HTTP.
class L2Sockets {
 public:
  struct Events {
    std::function<void(ConnId, Bytes)> on_bytes;
    /// The kernel took some of what it had not; never from within write().
    std::function<void(ConnId, size_t unsent_bytes)> on_unsent;
    std::function<void(ConnId, const std::string& why)> on_closed;
  };
  explicit L2Sockets(Events events) : events_(std::move(events)) {}

  struct Added {
    ConnId id;
    std::string address;
    uint64_t cookie;
  };
  /// Takes an accepted socket and starts reading, which is reported in a later turn.
  Added add(daphnis::uv::UvPtr<uv_tcp_t> tcp);

  /// How much of this and earlier writes the kernel has not taken, in bytes.
  [[nodiscard]] size_t write(ConnId id, std::string bytes);
  void shutdown(ConnId id);
  void close(ConnId id) { streams_.erase(id); }
  /// A small send buffer and a limit on unacknowledged data: order lines and heartbeats would
  /// otherwise vanish into buffers, and a dead peer with them.
  void tune_registration(ConnId id, unsigned user_timeout_ms);
  /// Gives the socket away. Null where bytes of ours are still unsent: then it is closed instead.
  [[nodiscard]] daphnis::uv::UvPtr<uv_tcp_t> release(ConnId id);

 private:
  Events events_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<ConnId, std::unique_ptr<daphnis::uv::Stream>> streams_;
};

}  // namespace daphnis::broker::uv

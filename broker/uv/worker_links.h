#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "common/ipc/ipc_codec.h"
#include "common/uv/ipc_channel.h"
#include "common/uv/loop.h"

namespace daphnis::broker::uv {

/// The IPC channels behind the broker's WorkerIds. Owned by the Shell.
class WorkerLinks {
 public:
  struct Events {
    /// `socket` is the one that came with the message; null where none did.
    std::function<void(WorkerId, ipc::WorkerToBroker message, daphnis::uv::UvPtr<uv_tcp_t> socket)>
        on_message;
    /// Bytes came that are no message.
    std::function<void(WorkerId)> on_malformed;
    std::function<void(WorkerId, const std::string& why)> on_closed;
  };
  WorkerLinks(daphnis::uv::Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}

  /// Takes an accepted pipe. nullopt: its peer runs as another user and was cut off (DESIGN 4).
  std::optional<WorkerId> add(daphnis::uv::UvPtr<uv_pipe_t> pipe);

  void send(WorkerId id, const ipc::BrokerToWorker& message);
  /// Sends a message that announces a descriptor, and that descriptor; null: it could not be had.
  void send(WorkerId id, ipc::Handoff message, daphnis::uv::UvPtr<uv_tcp_t> socket);
  /// The same for an L2's connection of which nothing was read.
  void send(WorkerId id, const ipc::DirectSocket& message, daphnis::uv::UniqueFd socket);
  /// Sends a copy of `socket`, which the caller keeps. Where no copy can be made the message goes
  /// alone.
  void send(WorkerId id, const ipc::ListenerGiven& message, int socket);
  /// Closes the channel. Frames that were sent before go out as far as the kernel takes them.
  void close(WorkerId id);

 private:
  struct Link {
    std::unique_ptr<daphnis::uv::IpcChannel> channel;
    ipc::Codec codec = {};
  };

  void on_frame(WorkerId id, Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket);
  [[nodiscard]] Link* find(WorkerId id);

  daphnis::uv::Loop& loop_;
  Events events_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<WorkerId, Link> links_;
};

}  // namespace daphnis::broker::uv

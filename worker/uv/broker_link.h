#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/ipc/ipc_codec.h"
#include "common/uv/ipc_channel.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::worker::uv {

/// The connection to the broker. It connects, and connects again whenever it is lost, with a
/// growing and bounded delay, since either side may start first or vanish. Owned by the Shell.
class BrokerLink {
 public:
  struct Events {
    std::function<void()> on_connected;
    /// `socket` is the descriptor that came with the frame. Where libuv had to drop one, it may be
    /// another than the frame announced (DESIGN 4a). False where the connection must be dropped.
    std::function<bool(const ipc::BrokerToWorker&, daphnis::uv::UniqueFd socket)> on_message;
    /// Called once for each on_connected().
    std::function<void(const std::string& why)> on_closed;
  };

  BrokerLink(daphnis::uv::Loop& loop, std::string path, Events events);

  /// Sends messages. Nothing is sent while there is no connection.
  void send(std::span<const ipc::WorkerToBroker> messages);
  /// Gives all that was sent to the kernel, as far as it takes it.
  void flush() {
    if (channel_) channel_->flush();
  }
  void send(const ipc::WorkerToBroker& message, daphnis::uv::UniqueFd socket);
  /// Ends this connection and goes on to the next.
  void drop(const std::string& why);

 private:
  void connect();
  void on_connect(Result<daphnis::uv::UvPtr<uv_pipe_t>> pipe);
  void on_frame(Bytes payload, daphnis::uv::UniqueFd descriptor);
  void retry_later();

  daphnis::uv::Loop& loop_;
  std::string path_;
  Events events_;
  std::unique_ptr<daphnis::uv::IpcConnector> connector_;
  std::unique_ptr<daphnis::uv::IpcChannel> channel_;
  ipc::Codec codec_;  ///< That of channel_.
  daphnis::uv::Timer retry_;
  uint64_t delay_ms_;
};

}  // namespace daphnis::worker::uv

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/ipc/ipc_codec.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// One end of a worker-broker connection, like uv::IpcChannel: frames, and sockets that travel with
/// them. A socket may get lost on the way, so that a later one comes with the wrong frame. Owned by
/// a node; its destruction closes it and is allowed in its events.
class IpcEnd {
 public:
  struct Events {
    std::function<void(Bytes payload, std::unique_ptr<Socket> socket)> on_frame;
    /// Called at most once, as the last event.
    std::function<void()> on_closed;
  };

  IpcEnd(Scene& scene, std::unique_ptr<Socket> socket, Events events);
  ~IpcEnd() { *is_open_ = false; }
  IpcEnd(const IpcEnd&) = delete;
  IpcEnd& operator=(const IpcEnd&) = delete;

  void send(std::vector<uint8_t> frame, std::unique_ptr<Socket> passenger = nullptr);
  [[nodiscard]] ipc::Codec& codec() { return codec_; }

 private:
  struct Outgoing {
    std::vector<uint8_t> frame;
    size_t at = 0;
    std::unique_ptr<Socket> passenger;
  };

  void on_change();
  void flush();
  void take_frames();

  Scene& scene_;
  std::unique_ptr<Socket> socket_;
  std::shared_ptr<Events> events_;  ///< Shared with the event under way.
  std::shared_ptr<bool> is_open_ = std::make_shared<bool>(true);  ///< False once this is destroyed.
  Alarm turn_;
  ipc::FrameReader reader_;
  ipc::Codec codec_;
  std::deque<Outgoing> outgoing_;
};

}  // namespace daphnis::sim

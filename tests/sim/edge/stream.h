#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Drives a socket like uv::Stream: reads all bytes that come, and queues writes without bound.
/// Owned by the connection object that gives it its events. Its destruction closes it and is
/// allowed in its events.
class Stream {
 public:
  struct Events {
    std::function<void(Bytes)> on_bytes;
    /// The peer ended its side, or ("reset") the connection broke. Called at most once; writing may
    /// go on.
    std::function<void(const std::string& why)> on_end;
    /// The network has taken all written bytes (optional). Called in a turn of its own.
    std::function<void()> on_drained = nullptr;
    std::function<void()> on_taken = nullptr;
  };

  Stream(Scene& scene, std::unique_ptr<Socket> socket, Events events);

  void write(std::string_view bytes);
  [[nodiscard]] size_t unsent_bytes() const { return unsent_.size(); }
  void shutdown();
  /// The stream's destruction will be a reset.
  void abort() { socket_->set_reset_on_close(true); }
  void stop_reading() { is_stopped_ = true; }
  /// Takes at most so many bytes, at least one, in each event.
  void set_read_max(size_t bytes) { read_max_ = bytes; }
  void start_reading();
  /// Gives the socket away; this object must not be used afterwards.
  [[nodiscard]] std::unique_ptr<Socket> release();
  [[nodiscard]] const Socket& socket() const { return *socket_; }

 private:
  void on_change();
  void flush();

  Scene& scene_;
  std::unique_ptr<Socket> socket_;
  std::shared_ptr<Events> events_;  ///< Shared with the event under way.
  Alarm turn_;
  Alarm drained_;
  Alarm taken_;
  std::string unsent_;
  size_t read_max_ = SIZE_MAX;
  bool is_stopped_ = false;
  bool has_ended_ = false;
  bool is_ending_ = false;  ///< shutdown() was called and waits until all bytes are written.
};

}  // namespace daphnis::sim

#pragma once

#include <functional>
#include <memory>

#include "tests/sim/edge/scene.h"
#include "worker/core/connection.h"

namespace daphnis::sim {

/// Drives one Connection of a worker on a socket of the simulation, by the rules of
/// worker::uv::Socket: direct reads and writes, ready by level. Owned by the worker's node.
class WorkerSocket {
 public:
  enum class Fate { kStays, kClosed, kGivenBack };

  /// `after_event` may destroy this.
  WorkerSocket(Scene& scene, std::unique_ptr<Socket> socket, worker::Connection& connection,
               std::function<void(WorkerSocket&)> after_event);

  [[nodiscard]] Fate sync();
  void on_tick();
  [[nodiscard]] std::unique_ptr<Socket> release();
  [[nodiscard]] worker::Connection& connection() { return connection_; }

 private:
  void on_turn();
  void read();
  void write();
  void poll();

  Scene& scene_;
  std::unique_ptr<Socket> socket_;
  worker::Connection& connection_;
  std::function<void(WorkerSocket&)> after_event_;
  Alarm turn_;
  BufferRef scratch_ = BufferRef::allocate(4096);
  bool is_blocked_ = false;
  bool is_half_closed_ = false;
  bool has_input_ended_ = false;
};

}  // namespace daphnis::sim

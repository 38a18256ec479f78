#pragma once

#include <functional>
#include <memory>
#include <span>

#include "tests/sim/edge/disk_task.h"
#include "tests/sim/edge/scene.h"
#include "worker/base/connection.h"

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
  /// Writes once; false where no more can be written for now.
  bool write_memory(std::span<const Bytes> views);
  bool write_file(const worker::FileRange& piece);
  void warm_up(const worker::FileRange& piece);
  [[nodiscard]] bool is_written() const { return !is_blocked_ && !warming_.is_busy(); }
  void poll();

  Scene& scene_;
  std::unique_ptr<Socket> socket_;
  worker::Connection& connection_;
  std::function<void(WorkerSocket&)> after_event_;
  Alarm turn_;
  BufferRef scratch_ = BufferRef::allocate(4096);
  DiskTask warming_;  ///< Reads the part of a file that is to be written next.
  /// That part, once it is read. It must not keep the file open.
  struct {
    const worker::File* file = nullptr;
    uint64_t begin = 0;
    uint64_t end = 0;
  } warm_;
  int warm_error_ = 0;
  bool is_blocked_ = false;
  bool is_half_closed_ = false;
  bool has_input_ended_ = false;
};

}  // namespace daphnis::sim

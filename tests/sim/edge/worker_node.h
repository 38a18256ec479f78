#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/edge/ipc_end.h"
#include "tests/sim/edge/ledger.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/worker_disk.h"
#include "tests/sim/edge/worker_socket.h"
#include "worker/worker.h"

namespace daphnis::sim {

/// One life of a worker process: its core, its clients' and L2s' sockets, its broker connection.
/// The counterpart of worker::uv::Shell. Owned by the world; its destruction is its sudden death.
class WorkerNode {
 public:
  /// Connects to the broker; null where there is none.
  using Dial = std::function<std::unique_ptr<Socket>()>;

  WorkerNode(Scene& scene, uint32_t index, const worker::Settings& settings, Dial dial_broker);
  ~WorkerNode();

  void on_client(std::unique_ptr<Socket> socket);
  [[nodiscard]] const worker::Worker& core() const { return *core_; }
  /// Checks that nothing is under way any more.
  void check_quiet();

 private:
  void connect();
  void on_frame(Bytes payload, std::unique_ptr<Socket> socket);
  void drop_broker();
  void add_socket(std::unique_ptr<Socket> socket, worker::Connection& connection);
  void send(const ipc::WorkerToBroker& message, std::unique_ptr<Socket> passenger = nullptr);
  void sync(WorkerSocket& socket);
  void after_input();
  void on_tick();

  Scene& scene_;
  std::string name_;
  uint32_t pid_;
  Dial dial_broker_;
  WorkerDisk disk_;
  std::unique_ptr<worker::Worker> core_;
  std::map<worker::ConnectionId, std::unique_ptr<WorkerSocket>> sockets_;
  std::unique_ptr<IpcEnd> ipc_;
  std::optional<Ledger> ledger_;
  Alarm timer_;
  Alarm tick_;
  Alarm retry_;
};

}  // namespace daphnis::sim

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/broker.h"
#include "tests/sim/edge/ipc_end.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/stream.h"

namespace daphnis::sim {

/// One life of the broker process: its core and its sockets. The counterpart of broker::Shell.
/// Owned by the world; destroying it is its sudden death.
class BrokerNode {
 public:
  BrokerNode(Scene& scene, const broker::Config& config);
  ~BrokerNode();

  void on_l2(std::unique_ptr<Socket> socket);
  void on_worker(std::unique_ptr<Socket> socket);

  [[nodiscard]] const broker::Broker& core() const { return core_; }
  /// What must hold at any time.
  void check_bounds();
  /// Nothing may be under way any more.
  void check_quiet();

 private:
  broker::ConnId add(std::unique_ptr<Socket> socket);
  void on_frame(broker::WorkerId worker, Bytes payload, std::unique_ptr<Socket> socket);
  void settle();
  void carry_out(broker::Command& command);
  void hand_off(broker::HandOff& command);

  Scene& scene_;
  broker::Broker core_;
  std::map<broker::ConnId, std::unique_ptr<Stream>> l2s_;
  std::map<broker::WorkerId, std::unique_ptr<IpcEnd>> workers_;
  Alarm timer_;
  uint64_t last_id_ = 0;
};

}  // namespace daphnis::sim

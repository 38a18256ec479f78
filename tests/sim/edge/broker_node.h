#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "tests/sim/edge/charges.h"
#include "tests/sim/edge/folder_node.h"
#include "tests/sim/edge/ipc_end.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/stream.h"

namespace daphnis::sim {

/// One life of the broker process: its core and its sockets. The counterpart of broker::uv::Shell.
/// Owned by the world; destroying it is its sudden death.
class BrokerNode {
 public:
  BrokerNode(Scene& scene, const broker::Settings& settings);
  ~BrokerNode();

  void on_l2(std::unique_ptr<Socket> socket);
  void on_worker(std::unique_ptr<Socket> socket);

  [[nodiscard]] const broker::Broker& core() const { return core_; }
  // The operator's verbs.
  void purge(const Cid& root);
  void purge_all();
  void readmit_all();
  void set_limit(uint64_t bytes);
  void warm(const Cid& root);

  /// Checks what must hold at any time.
  void check_bounds();
  /// Checks that nothing is under way any more.
  void check_quiet();

 private:
  broker::ConnId add(std::unique_ptr<Socket> socket);
  void on_frame(broker::WorkerId worker, Bytes payload, std::unique_ptr<Socket> socket);
  void on_folder(const broker::FolderEvent& event);
  void on_second();
  void after_input();
  /// Checks that the places that attempts take at L2s are those of live ones, each of them once.
  void check_places();
  /// Checks that the cache and the disk agree, and that no unfinished file is left.
  void check_files_quiet();
  void add_up();
  void carry_out(broker::Command& command);
  void report_unsent(broker::ConnId id);
  void hand_off(broker::HandOff& command);

  Scene& scene_;
  broker::Broker core_;
  std::map<broker::ConnId, std::unique_ptr<Stream>> l2s_;
  std::map<broker::WorkerId, std::unique_ptr<IpcEnd>> workers_;
  Charges charges_;
  FolderNode folder_;
  Alarm timer_;
  Alarm second_;
  uint64_t last_id_ = 0;
  std::string filter_path_;  ///< Empty: workers look at the disk.
};

}  // namespace daphnis::sim

#pragma once

#include <map>
#include <set>
#include <string>

#include "broker/cache/cache.h"
#include "common/ipc/ipc_messages.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Compares one broker's account with the disk: files that this broker was told of or had made must
/// be charged for as long as they take space, and the sum of the charges must stay below the limit.
///
/// Files that a broker cannot know of are left out: those of an earlier broker until the scan or
/// their worker reports them, and those that an earlier broker unlinked and a worker still reads;
/// so is quarantine/, which has a bound of its own. Owned by the broker's node.
class Charges {
 public:
  Charges(Scene& scene, const broker::Settings& settings) : scene_(scene), settings_(settings) {}

  void on_message(broker::WorkerId worker, const ipc::WorkerToBroker& message);
  void on_event(const broker::FolderEvent& event);
  void on_limit_set() { may_be_over_ = true; }
  void check(const broker::Cache& cache);

 private:
  enum class Place : uint8_t { kCache, kSpoolDir };

  /// Finds the inodes that this broker must charge from now on.
  void find(const broker::Cache& cache);

  Scene& scene_;
  broker::Settings settings_;
  std::map<broker::WorkerId, std::string> prefixes_;  ///< With these, names of spools begin.
  std::set<std::string> spools_;                      ///< The paths of spools.
  std::map<uint64_t, Place> known_;                   ///< Files that are charged, by inode number.
  bool may_be_over_ = false;  ///< The limit may be passed: by old spools, a scan, a lower limit.
};

}  // namespace daphnis::sim

#pragma once

#include <map>
#include <set>
#include <string>

#include "broker/cache/cache.h"
#include "common/ipc/ipc_messages.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Holds the broker's books of one life against the disk: what this broker was told of or had made
/// must be charged for as long as it takes room, and what is charged must stay below the limit.
///
/// Not meant is what no broker could know of: files of a broker before it until the scan or their
/// worker has told of them, and what that one unlinked and somebody still reads; and quarantine/,
/// which has a bound of its own. Owned by the broker's node.
class Charges {
 public:
  Charges(Scene& scene, const broker::Settings& settings) : scene_(scene), settings_(settings) {}

  void on_message(broker::WorkerId worker, const ipc::WorkerToBroker& message);
  void on_event(const broker::FolderEvent& event);
  void on_limit_set() { may_be_over_ = true; }
  void check(const broker::Cache& cache);

 private:
  enum class Place : uint8_t { kCache, kSpoolDir };

  /// Finds the inodes that have become this broker's affair.
  void find(const broker::Cache& cache);

  Scene& scene_;
  broker::Settings settings_;
  std::map<broker::WorkerId, std::string> prefixes_;  ///< Of the names of a worker's spools.
  std::set<std::string> spools_;                      ///< Paths.
  std::map<uint64_t, Place> known_;                   ///< By the inode's number.
  bool may_be_over_ = false;  ///< By what workers held before, what was found, a lower limit.
};

}  // namespace daphnis::sim

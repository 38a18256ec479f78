#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <utility>
#include <vector>

#include "broker/dispatch/fetch.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// The fetches that are dispatched to L2s, by number and by their workers' ids. Owned by the
/// dispatcher, which bounds them by Settings::fetches_max.
class Fetches {
 public:
  /// Adds a fetch under the next number. Its worker must not have one of that id. The fetch stays
  /// where it is until erase().
  Fetch& add(WorkerId worker, ipc::Fetch&& message);
  void erase(const Fetch& fetch);

  /// Null: there is no such fetch (any more).
  [[nodiscard]] Fetch* find(FetchNo no);
  [[nodiscard]] Fetch* find(WorkerId worker, WorkerFetchId worker_fetch_id);
  [[nodiscard]] bool contains(WorkerId worker, WorkerFetchId worker_fetch_id) const {
    return by_worker_.contains(std::pair(worker, worker_fetch_id));
  }
  /// All fetches, oldest first. The pointers hold until erase().
  [[nodiscard]] std::vector<Fetch*> all() const;
  /// All of a worker, oldest first.
  [[nodiscard]] std::vector<Fetch*> of_worker(WorkerId worker) const;
  [[nodiscard]] size_t size() const { return by_no_.size(); }

 private:
  absl::flat_hash_map<FetchNo, std::unique_ptr<Fetch>> by_no_;
  absl::flat_hash_map<std::pair<WorkerId, WorkerFetchId>, Fetch*> by_worker_;
  uint64_t last_no_ = 0;
};

}  // namespace daphnis::broker

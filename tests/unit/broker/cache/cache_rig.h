#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/broker/rig.h"

namespace daphnis::broker {

inline constexpr uint64_t kMiB = limits::kMiB;

inline Settings cache_config(uint64_t limit_bytes = 100 * kMiB) {
  return {.cache_dir = "/cache",
          .cache_limit_bytes = limit_bytes,
          .spool_dir = "/spools",
          .spool_limit_bytes = 16 * kMiB};
}

inline RequestKey key_for(uint64_t n) {
  return key_of(CarRequest{.root = cid_number(n)});
}

/// A rig with a pretended folder. Owned by a test case.
class CacheRig : public Rig {
 public:
  explicit CacheRig(Settings settings = cache_config(), uint64_t seed = 1)
      : Rig(std::move(settings), seed) {
    if (broker.cache().exists()) folder(FilesFound{.entries = {}, .is_last = true});
  }

  const CacheIndex& index() const { return *broker.cache().index(); }

  void folder(const FolderEvent& event) {
    broker.on_folder(event, now_ms);
    carry_out();
  }
  template <class Task>
  std::vector<Task> tasks_of() const {
    std::vector<Task> found;
    for (const FolderTask& task : folder_tasks) {
      if (const auto* one = std::get_if<Task>(&task)) found.push_back(*one);
    }
    return found;
  }
  /// Reports all tasks so far as done, as a healthy folder does.
  void run_folder() {
    for (const FolderTask& task : std::exchange(folder_tasks, {})) {
      if (const auto* store = std::get_if<StoreFile>(&task)) {
        folder(FileStored{.spool = store->spool, .key = store->key, .is_stored = true, .why = {}});
      } else if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
        folder(FilesUnlinked{unlink->deferred_free});
      } else if (const auto* spools = std::get_if<UnlinkSpools>(&task)) {
        if (spools->deferred_free != 0) folder(FilesUnlinked{spools->deferred_free});
      }
    }
  }

  void reserve(WorkerId worker, uint64_t spool, uint64_t bytes, bool is_for_cache = true) {
    tell(worker, ipc::SpoolReserve{spool, bytes, is_for_cache});
  }
  /// The last SpoolReserved for the spool; nullopt: none came.
  std::optional<ipc::SpoolReserved> reservation(WorkerId worker, uint64_t spool) const {
    std::optional<ipc::SpoolReserved> last;
    for (const auto& one : inbox<ipc::SpoolReserved>(worker)) {
      if (one.spool == spool) last = one;
    }
    return last;
  }
  std::optional<bool> stored(WorkerId worker, uint64_t spool) const {
    for (const auto& one : inbox<ipc::SpoolStored>(worker)) {
      if (one.spool == spool) return one.is_held;
    }
    return std::nullopt;
  }
  void done(WorkerId worker, uint64_t spool, uint64_t n, uint64_t size) {
    const Cid cid = cid_number(n);
    const Bytes root = cid.bytes();
    tell(worker, ipc::SpoolDone{.spool = spool,
                                .name = "0-77-" + std::to_string(spool),
                                .key = key_for(n),
                                .root = {root.begin(), root.end()},
                                .size = size});
  }
  /// Stores a file, from the reservation to its final name.
  void store(WorkerId worker, uint64_t n, uint64_t size) {
    const uint64_t spool = 1'000'000 + n;
    reserve(worker, spool, size);
    REQUIRE(reservation(worker, spool));
    REQUIRE(reservation(worker, spool)->bytes == size);
    done(worker, spool, n, size);
    run_folder();
    REQUIRE(stored(worker, spool) == true);
  }
  bool holds(uint64_t n) const { return index().find(key_for(n)).has_value(); }
  void confirm(WorkerId worker, uint64_t deferred_free) {
    tell(worker, ipc::Unlinked{deferred_free});
  }
  /// Confirms all deferred frees that the worker was told of.
  void confirm_all(WorkerId worker) {
    for (const auto& unlink : inbox<ipc::Unlink>(worker)) confirm(worker, unlink.deferred_free);
  }

  void fetch_number(WorkerId worker, uint64_t fetch_id, uint64_t n) {
    fetch(worker, fetch_id, cid_number(n));
  }
  void progress(WorkerId worker, uint64_t fetch_id, ipc::JoinState state, uint64_t bytes,
                const std::string& path = "/cache/tmp/0-77-1") {
    tell(worker, ipc::FetchProgress{.fetch_id = fetch_id,
                                    .state = state,
                                    .bytes = bytes,
                                    .path = state == ipc::JoinState::kFailed ? "" : path});
  }
  /// The progress that a worker was told of a fetch.
  std::vector<ipc::JoinProgress> told(WorkerId worker, uint64_t fetch_id) const {
    auto all = inbox<ipc::JoinProgress>(worker);
    std::erase_if(all, [&](const auto& one) { return one.fetch_id != fetch_id; });
    return all;
  }
  std::vector<ipc::JoinState> states(WorkerId worker, uint64_t fetch_id) const {
    std::vector<ipc::JoinState> found;
    for (const auto& one : told(worker, fetch_id)) found.push_back(one.state);
    return found;
  }
};

}  // namespace daphnis::broker

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/base/settings.h"
#include "tests/sim/edge/disk_task.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Why a cached file is not, byte for byte, the output of the request of that key; empty: it is.
[[nodiscard]] std::string fault_of_file(const std::string& bytes, const RequestKey& key);

/// The cache's folder of one broker process: the counterpart of broker::uv::CacheFolder. Carries
/// tasks out one after the other, scans, sweeps, scrubs and probes. Owned by the broker's node;
/// work that is under way at its destruction stays half done.
class FolderNode {
 public:
  using OnEvent = std::function<void(const broker::FolderEvent&)>;

  FolderNode(Scene& scene, const broker::Settings& settings, OnEvent on_event);
  ~FolderNode();

  /// Removes strays and begins the scan.
  void open();
  void add(broker::FolderTask task);

  [[nodiscard]] bool is_quiet() const {
    return tasks_.empty() && !task_run_.is_busy() && !scan_ && is_up_;
  }

 private:
  struct Scan {
    std::string last_folder = {};
    std::vector<std::string> names = {};  ///< Names in the folder that is being scanned.
    bool is_over = false;
  };
  using Entries = std::vector<broker::CacheEntry>;

  // Orders.
  void run_next_task();
  void on_task_done();
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::StoreFile& task);
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::UnlinkFiles& task);
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::UnlinkSpools& task);
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::Quarantine& task);
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::ProveFile& task) {
    wanted_ = task.key;
    return {};
  }
  [[nodiscard]] std::vector<DiskTask::Part> parts_of(const broker::SetScrub&) { return {}; }
  [[nodiscard]] std::string fault_of(const std::string& path, uint64_t size);
  void store(const broker::StoreFile& task);
  [[nodiscard]] std::string object(const RequestKey& key) const;

  // Health.
  void probe();
  [[nodiscard]] bool is_stuck() const;
  void set_down(const std::string& why);
  void set_up();

  // Scans, sweeps and scrubbing (folder_rounds.cc).
  void begin_scan();
  void run_scan();
  void pause_scan();
  void scan_step(Scan& scan, Entries& found);
  void look_at(const std::string& path, Entries& found);
  void sweep(uint64_t quiet_ms);
  void scrub();
  void release_scrubbed();

  Scene& scene_;
  broker::Settings settings_;
  OnEvent on_event_;

  std::optional<RequestKey> wanted_;  ///< The key of a ProveFile.
  std::deque<broker::FolderTask> tasks_;
  std::optional<broker::FolderTask> task_;  ///< Under way.
  std::optional<broker::FolderEvent> answer_;
  std::string trouble_;
  std::string store_fault_;
  DiskTask task_run_;

  bool is_up_ = true;
  std::string probe_fault_;
  Alarm probe_timer_;
  DiskTask probe_task_;

  std::shared_ptr<Scan> scan_;
  std::set<RequestKey> gone_;  ///< Removed since the scan began, so that it must not report them.
  DiskTask scan_task_;
  Alarm scan_timer_;

  Alarm sweep_timer_;
  Alarm scrub_timer_;
  DiskTask scrub_task_;
  std::vector<broker::FolderEvent> unlinked_;  ///< Sent once the scrubber has closed its file.
  std::string scrubbed_;                       ///< The path that was scrubbed last.
};

}  // namespace daphnis::sim

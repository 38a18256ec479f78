#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/settings.h"
#include "broker/folder/folder_keeper.h"
#include "tests/sim/edge/disk_task.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Why a cached file is not, byte for byte, the output of the request of that key; empty: it is.
[[nodiscard]] std::string fault_of_file(const std::string& bytes, const RequestKey& key);

/// The cache's folder of one broker process: the counterpart of broker::uv::CacheFolder. The
/// broker's own keeper says what is done and when; here is the work, on the simulated disk. Owned
/// by the broker's node; work that is under way at its destruction stays half done.
class FolderNode final : private broker::FolderDisk {
 public:
  using OnEvent = std::function<void(const broker::FolderEvent&)>;

  FolderNode(Scene& scene, const broker::Settings& settings, OnEvent on_event);
  ~FolderNode();

  /// Removes strays and begins the scan.
  void open();
  void add(broker::FolderTask task);

  [[nodiscard]] bool is_quiet() const {
    return keeper_.tasks_pending() == 0 && !keeper_.is_scanning() && keeper_.is_up();
  }

 private:
  using Parts = std::vector<DiskTask::Part>;
  using RoundRef = std::shared_ptr<broker::RoundStep>;
  struct Scan {
    std::string last_folder = {};
    std::vector<std::string> names = {};  ///< Names in the folder that is being scanned.
    std::vector<RequestKey> sample = {};  ///< Of the files found.
  };
  /// The file that the scrubber has open.
  struct Scrubbed {
    RequestKey key{};
    Disk::InodeRef inode = {};
  };

  // Tasks and health (folder_node.cc).
  void begin_round(std::vector<broker::FolderTask> tasks) override;
  void continue_round() override;
  void probe(broker::ProbeAfter after) override;
  // Scans, sweeps and scrubbing (folder_rounds.cc).
  void begin_scan() override;
  void continue_scan() override;
  void begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) override;
  void continue_scrub(std::vector<RequestKey> wanted) override;
  void let_go() override;
  void begin_listing(broker::ListBlocks task) override;
  void continue_listing() override;
  void sweep() override;
  void append_snapshot(broker::SnapshotPart part) override;

  /// Does the parts, which fill in the result, and gives it to `end`, which tells the keeper.
  template <class Result, class End>
  void run(DiskTask& task, Parts parts, std::shared_ptr<Result> result, End end) {
    task.start(std::move(parts), [this, result, end] {
      end(std::move(*result));
      set_timer();
    });
  }
  void set_timer();
  void on_event(const broker::FolderEvent& event);

  [[nodiscard]] Parts parts_of(const broker::StoreFile& task, const RoundRef& step);
  [[nodiscard]] Parts parts_of(const broker::UnlinkFiles& task, const RoundRef& step);
  [[nodiscard]] Parts parts_of(const broker::UnlinkSpools& task, const RoundRef& step);
  [[nodiscard]] Parts parts_of(const broker::Quarantine& task, const RoundRef& step);
  [[nodiscard]] Parts parts_of(const broker::ProveFile&, const RoundRef&) { return refuse_task(); }
  [[nodiscard]] Parts parts_of(const broker::ListBlocks&, const RoundRef&) { return refuse_task(); }
  [[nodiscard]] Parts parts_of(const broker::SetScrub&, const RoundRef&) { return refuse_task(); }
  [[nodiscard]] Parts refuse_task();
  [[nodiscard]] std::string fault_of(const std::string& path, uint64_t size);
  [[nodiscard]] broker::TaskEnd store(const broker::StoreFile& task, std::string fault);
  [[nodiscard]] std::string object(const RequestKey& key) const;
  [[nodiscard]] std::string fault_of_probe(broker::ProbeAfter after);

  void step_scan();
  void look_on(broker::ScanStep& step);
  void look_at(const std::string& path, broker::ScanStep& step);
  [[nodiscard]] uint64_t sweep_strays(uint64_t quiet_ms);
  void open_next(broker::ScrubStep& step);
  void open_next_by_name(broker::ScrubStep& step);
  void prove(broker::ScrubStep& step);
  void list_next(broker::ListingStep& step);

  Scene& scene_;
  broker::Settings settings_;
  broker::FolderPace pace_;
  OnEvent on_event_;
  broker::FolderKeeper keeper_;
  Alarm timer_;  ///< For the keeper's next deadline.

  std::deque<broker::FolderTask> round_;  ///< The tasks of the round that are not done.
  DiskTask round_task_;
  DiskTask probe_task_;

  Scan scan_;
  Alarm scan_timer_;  ///< Between two steps of a scan.
  DiskTask scan_task_;

  std::deque<RequestKey> scrub_first_;  ///< The files that are scrubbed before those of the round.
  std::string scrubbed_path_;           ///< The path that the round has come to.
  std::optional<Scrubbed> scrubbed_;
  DiskTask scrub_task_;

  broker::ListBlocks listing_;
  std::optional<std::vector<broker::BlockKey>> unlisted_;  ///< nullopt: the file was not read yet.
  DiskTask listing_task_;

  DiskTask sweep_task_;
};

}  // namespace daphnis::sim

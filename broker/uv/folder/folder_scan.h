#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/cache/cache_snapshot.h"
#include "broker/folder/folder_disk.h"
#include "broker/uv/folder/folder_paths.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// One walk over objects/, in steps of at most kFilesFoundMax files. A file whose size the snapshot
/// knows is believed; of any other file the end is read. A file that is no valid cache file is
/// removed. Blocks; runs in the thread pool, one step at a time. Owned by the CacheFolder.
class FolderScan {
 public:
  explicit FolderScan(FolderPaths paths) : paths_(std::move(paths)) {}

  /// Its sample are the youngest files, since they are the likeliest to be torn after a crash of
  /// the machine.
  [[nodiscard]] ScanStep step();

 private:
  void read_snapshot();
  /// Opens the next of the 256 folders. False: it cannot be read.
  [[nodiscard]] bool open_folder(ScanStep& step);
  void look_at(const std::string& name, ScanStep& step);
  /// The result of a look into a file.
  enum class Look { kValid, kInvalid, kGone, kTrouble };
  /// Reads the end of a file that the snapshot does not know, and fills in the entry's root.
  [[nodiscard]] Look look_into(const std::string& name, CacheEntry& entry, ScanStep& step);
  void remove(const std::string& name, ScanStep& step);
  void sample(const RequestKey& key, time_t changed);
  [[nodiscard]] std::vector<RequestKey> take_sample();

  FolderPaths paths_;
  std::unique_ptr<CacheSnapshot> snapshot_;  ///< Read by the first step.
  unsigned next_folder_ = 0;
  daphnis::uv::UniqueFd folder_;
  std::vector<std::string> names_;  ///< Names in folder_ that were not looked at yet.
  std::vector<uint8_t> tail_;
  std::vector<std::pair<time_t, RequestKey>> youngest_;  ///< A heap with the oldest on top.
};

}  // namespace daphnis::broker::uv

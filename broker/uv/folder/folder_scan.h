#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/cache_types.h"
#include "broker/cache/cache_snapshot.h"
#include "broker/uv/folder/folder_paths.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// One walk over objects/, in steps of at most kFilesFoundMax files. Files that the snapshot knows
/// with their size are believed; of others the end is read, and whatever is no valid cache file is
/// removed. Blocks; runs in the thread pool, one step at a time. Owned by the CacheFolder.
class FolderScan {
 public:
  explicit FolderScan(FolderPaths paths) : paths_(std::move(paths)) {}

  struct Batch {
    std::vector<CacheEntry> entries;
    uint64_t files_seen = 0;
    uint64_t files_removed = 0;
    bool is_last = false;
    std::string trouble;  ///< Why the scan cannot go on; then no files may be concluded to be gone.
  };
  [[nodiscard]] Batch step();

  /// After the last batch: the youngest files, at most kScrubSampleFiles. They are the likeliest to
  /// be torn where the machine itself went down.
  [[nodiscard]] std::vector<RequestKey> take_sample();

 private:
  void read_snapshot();
  /// Opens the next of the 256 folders. False: there is none, or it cannot be read.
  [[nodiscard]] bool open_folder(Batch& batch);
  void look_at(const std::string& name, Batch& batch);
  /// Whether the file, unknown to the snapshot, is a valid one; fills in the root.
  enum class Look { kValid, kInvalid, kGone, kTrouble };
  [[nodiscard]] Look look_into(const std::string& name, CacheEntry& entry, Batch& batch);
  void remove(const std::string& name, Batch& batch);
  void sample(const RequestKey& key, time_t changed);

  FolderPaths paths_;
  std::unique_ptr<CacheSnapshot> snapshot_;  ///< Read by the first step.
  unsigned next_folder_ = 0;
  daphnis::uv::UniqueFd folder_;
  std::vector<std::string> names_;  ///< Of folder_, not yet looked at.
  std::vector<uint8_t> tail_;
  std::vector<std::pair<time_t, RequestKey>> youngest_;  ///< A heap, the oldest on top.
};

}  // namespace daphnis::broker::uv

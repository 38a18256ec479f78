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

/// One walk over objects/, in steps of at most kFilesFoundMax files. A file whose size the snapshot
/// knows is believed; of any other file the end is read. A file that is no valid cache file is
/// removed. Blocks; runs in the thread pool, one step at a time. Owned by the CacheFolder.
class FolderScan {
 public:
  explicit FolderScan(FolderPaths paths) : paths_(std::move(paths)) {}

  struct Batch {
    std::vector<CacheEntry> entries;
    uint64_t files_seen = 0;
    uint64_t files_removed = 0;
    bool is_last = false;
    std::string trouble;  ///< Why the scan cannot go on; then files not found may exist.
  };
  [[nodiscard]] Batch step();

  /// The youngest files, at most kScrubSampleFiles; call it after the last batch. After a crash of
  /// the machine the youngest files are the likeliest to be torn.
  [[nodiscard]] std::vector<RequestKey> take_sample();

 private:
  void read_snapshot();
  /// Opens the next of the 256 folders. False: it cannot be read.
  [[nodiscard]] bool open_folder(Batch& batch);
  void look_at(const std::string& name, Batch& batch);
  /// The result of a look into a file.
  enum class Look { kValid, kInvalid, kGone, kTrouble };
  /// Reads the end of a file that the snapshot does not know, and fills in the entry's root.
  [[nodiscard]] Look look_into(const std::string& name, CacheEntry& entry, Batch& batch);
  void remove(const std::string& name, Batch& batch);
  void sample(const RequestKey& key, time_t changed);

  FolderPaths paths_;
  std::unique_ptr<CacheSnapshot> snapshot_;  ///< Read by the first step.
  unsigned next_folder_ = 0;
  daphnis::uv::UniqueFd folder_;
  std::vector<std::string> names_;  ///< Names in folder_ that were not looked at yet.
  std::vector<uint8_t> tail_;
  std::vector<std::pair<time_t, RequestKey>> youngest_;  ///< A heap with the oldest on top.
};

}  // namespace daphnis::broker::uv

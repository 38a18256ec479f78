#pragma once

#include <vector>

#include "broker/folder/folder_disk.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// Lists the blocks of one cached file, kBlocksListedMax in a step. The first step reads the whole
/// trailer, and no step leaves the file open. Its reads leave no pages in memory that were not
/// there before. Blocks; runs in the thread pool, one step at a time. Owned by the CacheFolder and
/// its step under way.
class FolderListing {
 public:
  FolderListing(FolderPaths paths, const ListBlocks& task)
      : paths_(std::move(paths)),
        task_(task),
        verdict_(task.judge ? BlocksListed::Verdict::kMay : BlocksListed::Verdict::kNone) {}

  [[nodiscard]] ListingStep step();

 private:
  /// Returns the number of bytes read. A file that is gone or damaged has no blocks here: the scan
  /// and the scrubber report it.
  uint64_t read_blocks();

  FolderPaths paths_;
  ListBlocks task_;
  bool is_read_ = false;
  BlocksListed::Verdict verdict_;
  Denial denial_;
  std::vector<BlockKey> blocks_;  ///< Those that no step has listed yet.
};

}  // namespace daphnis::broker::uv

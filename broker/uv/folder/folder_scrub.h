#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/cache/scrub.h"
#include "broker/folder/folder_disk.h"
#include "broker/uv/folder/folder_paths.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// Reads the cached files one after another and proves each anew: first those of want(), then the
/// sample, then all, folder by folder, round after round. A step reads about kScrubPieceBytes at
/// most, or one file's trailer. Blocks; runs in the thread pool, one step at a time. Owned by the
/// CacheFolder and its step under way.
///
/// Its reads must not push the files that clients want out of the page cache: its descriptors have
/// no read-ahead, and pages that were not in memory before (RWF_NOWAIT tells) are dropped after
/// use.
class FolderScrub {
 public:
  FolderScrub(FolderPaths paths, std::vector<RequestKey> sample)
      : paths_(std::move(paths)), sample_(std::move(sample)) {}

  /// Puts a file before all others. Must not be called while a step is under way.
  void want(const RequestKey& key) { wanted_.push_back(key); }

  [[nodiscard]] ScrubStep step();
  /// Closes the open file where it was unlinked, and then returns its key, not proven. Blocks.
  [[nodiscard]] std::optional<FileProven> let_go();

 private:
  /// The file being proven.
  struct File {
    RequestKey key{};
    daphnis::uv::UniqueFd fd;
    CacheFooter footer;
    uint64_t offset = 0;
    std::optional<CachedFileProof> proof;  ///< nullopt until the trailer was read.
  };

  /// The next file to prove. False: the round is over.
  [[nodiscard]] bool next_key(RequestKey& key);
  void open(const RequestKey& key, ScrubStep& step);
  void read_trailer(ScrubStep& step);
  void read_piece(ScrubStep& step);
  /// Ends the proof of the open file; `why` is empty where the file is good.
  void close(ScrubStep& step, std::string why);

  FolderPaths paths_;
  std::deque<RequestKey> wanted_;
  std::vector<RequestKey> sample_;
  unsigned next_folder_ = 0;
  std::vector<RequestKey> keys_;  ///< Keys in the folder before next_folder_, not yet read.
  std::optional<File> file_;
};

}  // namespace daphnis::broker::uv

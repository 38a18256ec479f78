#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/cache/scrub.h"
#include "broker/uv/folder/folder_paths.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// Reads the cached files one after another and proves each anew: first what is wanted and a sample
/// that was given, then all, folder by folder, round after round. In steps that read about
/// kScrubPieceBytes at most (a file's trailer is read whole). Blocks; runs in the thread pool, one
/// step at a time. Owned by the CacheFolder.
///
/// What it reads is not to push what clients want out of the page cache: its descriptors are
/// without read-ahead, and pages that were not there before (RWF_NOWAIT tells) are given back.
class FolderScrub {
 public:
  explicit FolderScrub(FolderPaths paths) : paths_(std::move(paths)) {}

  // Not while a step is under way:
  /// This one before all others.
  void want(const RequestKey& key) { wanted_.push_back(key); }
  /// These before what has its turn.
  void set_sample(std::vector<RequestKey> keys) { sample_ = std::move(keys); }

  struct Step {
    uint64_t bytes_read = 0;
    uint64_t files_done = 0;
    bool is_round_over = false;
    std::optional<FileCorrupt> corrupt;
    std::optional<FileProven> ended;  ///< A file's end, unless it is corrupt.
  };
  [[nodiscard]] Step step();
  /// A file is open between two steps.
  [[nodiscard]] bool is_open() const { return file_.has_value(); }
  /// Closes it where it has lost its name, and says so. As step(): blocks.
  [[nodiscard]] std::optional<FileProven> let_go();

 private:
  /// The file being proven.
  struct File {
    RequestKey key{};
    daphnis::uv::UniqueFd fd;
    CacheFooter footer;
    uint64_t offset = 0;
    std::optional<CachedFileProof> proof;  ///< Once the trailer was read.
  };

  /// False: there is nothing more in this round.
  [[nodiscard]] bool next_key(RequestKey& key);
  void open(const RequestKey& key, Step& step);
  void read_trailer(Step& step);
  void read_piece(Step& step);
  /// Ends the file; `why` is empty where it is as it must be.
  void close(Step& step, std::string why);
  /// Like read_at(), without leaving pages behind that were not in memory before.
  [[nodiscard]] int64_t read_gently(uint8_t* into, size_t size, uint64_t offset);

  FolderPaths paths_;
  std::deque<RequestKey> wanted_;
  std::vector<RequestKey> sample_;
  unsigned next_folder_ = 0;
  std::vector<RequestKey> keys_;  ///< Of the folder before it, not yet read.
  std::optional<File> file_;
};

}  // namespace daphnis::broker::uv

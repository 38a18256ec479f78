#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/cache_folder.h"
#include "broker/core/scrub.h"
#include "broker/uv/folder_paths.h"
#include "common/uv/fd.h"

namespace daphnis::broker {

/// Reads the cached files one after another and proves each anew: first a sample that was asked
/// for, then all, folder by folder, round after round. In steps that read about kScrubPieceBytes at
/// most (a file's trailer is read whole). Blocks; runs in the thread pool, one step at a time.
/// Owned by the CacheFolder.
///
/// What it reads is not to push what clients want out of the page cache: its descriptors are
/// without read-ahead, and pages that were not there before (RWF_NOWAIT tells) are given back.
class FolderScrub {
 public:
  explicit FolderScrub(FolderPaths paths) : paths_(std::move(paths)) {}

  /// These first. Not while a step is under way.
  void set_sample(std::vector<RequestKey> keys) { sample_ = std::move(keys); }

  struct Step {
    uint64_t bytes_read = 0;
    uint64_t files_done = 0;
    bool is_round_over = false;
    std::optional<FileCorrupt> corrupt;
  };
  [[nodiscard]] Step step();
  /// A file is open between two steps.
  [[nodiscard]] bool is_open() const { return file_.has_value(); }
  /// Closes it where it has lost its name. As step(): blocks.
  void let_go();

 private:
  /// The file being proven.
  struct File {
    RequestKey key{};
    uv::UniqueFd fd;
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
  std::vector<RequestKey> sample_;
  unsigned next_folder_ = 0;
  std::vector<RequestKey> keys_;  ///< Of the folder before it, not yet read.
  std::optional<File> file_;
};

}  // namespace daphnis::broker

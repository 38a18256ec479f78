#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "broker/folder/folder_disk.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// Carries out one task, in steps of bounded work. Blocks; runs in the thread pool, one step at a
/// time. Owned by a FolderRound.
class FolderWork {
 public:
  FolderWork(FolderTask task, FolderPaths paths)
      : task_(std::move(task)), paths_(std::move(paths)) {}

  /// Does the next part. True: the task is done.
  [[nodiscard]] bool step();

  /// The task's end. Valid once, when the task is done.
  [[nodiscard]] TaskEnd take_end() { return std::move(end_); }

 private:
  bool carry_out(const StoreFile& task);
  bool carry_out(const UnlinkFiles& task);
  bool carry_out(const UnlinkSpools& task);
  bool carry_out(const Quarantine& task);
  bool carry_out(const ProveFile&) { return true; }  // The FolderKeeper does these.
  bool carry_out(const ListBlocks&) { return true; }
  bool carry_out(const SetScrub&) { return true; }

  /// Stores the file; returns why it could not be stored, or an empty text. Sets `blocks` as
  /// FileStored has them.
  [[nodiscard]] std::string store(const StoreFile& task,
                                  std::optional<std::vector<BlockKey>>& blocks);
  void unlink(const std::string& path);
  /// Notes a trouble where the errno is a trouble of the folder as a whole.
  void note(int sys, const std::string& what);

  FolderTask task_;
  FolderPaths paths_;
  size_t at_ = 0;  ///< The number of keys or paths done.
  TaskEnd end_;
};

/// Carries out tasks one after the other, many in a step where the disk is quick, since waking a
/// thread for each costs more than a small task. Blocks; runs in the thread pool, one step at a
/// time. Owned by the CacheFolder and its step under way.
class FolderRound {
 public:
  FolderRound(std::vector<FolderTask> tasks, const FolderPaths& paths);

  [[nodiscard]] RoundStep step();

 private:
  std::vector<FolderWork> works_;
  size_t at_ = 0;  ///< The number of works_ that are done.
};

}  // namespace daphnis::broker::uv

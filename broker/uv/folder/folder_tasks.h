#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// One order while it is carried out, in steps of bounded work. Blocks; runs in the thread pool,
/// one step at a time. Owned by the CacheFolder's step under way.
class FolderWork {
 public:
  FolderWork(FolderTask task, FolderPaths paths)
      : task_(std::move(task)), paths_(std::move(paths)) {}

  /// Does the next part. True: the order is done.
  [[nodiscard]] bool step();

  [[nodiscard]] const FolderTask& task() const { return task_; }
  /// Valid when done: the answer, where the order has one.
  [[nodiscard]] std::optional<FolderEvent>& event() { return event_; }
  /// Why the folder as a whole is of no use; empty: as far as seen it is.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  bool carry_out(const StoreFile& task);
  bool carry_out(const UnlinkFiles& task);
  bool carry_out(const UnlinkSpools& task);
  bool carry_out(const Quarantine& task);
  bool carry_out(const ProveFile&) { return true; }  // Both are the scrubber's.
  bool carry_out(const SetScrub&) { return true; }

  /// Why the file cannot be stored; empty: it is.
  [[nodiscard]] std::string store(const StoreFile& task);
  void unlink(const std::string& path);
  void note(int sys, const std::string& what);

  FolderTask task_;
  FolderPaths paths_;
  size_t at_ = 0;  ///< Keys or paths done.
  std::optional<FolderEvent> event_;
  std::string trouble_;
};

/// Orders that are carried out one after the other, many in a step where the disk is quick: waking
/// a thread for each costs more than a small order does. Blocks as FolderWork does.
class FolderRound {
 public:
  /// Takes from the front of `orders`, at least one.
  FolderRound(std::deque<FolderTask>& tasks, const FolderPaths& paths);

  void step();
  // Between two steps:
  [[nodiscard]] bool is_done() const { return at_ == works_.size(); }
  /// What has been done since the last call.
  [[nodiscard]] std::span<FolderWork> take_done();

  [[nodiscard]] size_t size() const { return works_.size(); }

 private:
  std::vector<FolderWork> works_;
  size_t at_ = 0;     ///< Of works_: done.
  size_t taken_ = 0;  ///< Of those: taken.
};

}  // namespace daphnis::broker::uv

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

/// Carries out one task, in steps of bounded work. Blocks; runs in the thread pool, one step at a
/// time. Owned by a FolderRound.
class FolderWork {
 public:
  FolderWork(FolderTask task, FolderPaths paths)
      : task_(std::move(task)), paths_(std::move(paths)) {}

  /// Does the next part. True: the task is done.
  [[nodiscard]] bool step();

  [[nodiscard]] const FolderTask& task() const { return task_; }
  /// The event that reports the task's end; nullopt before it, and for tasks without an event.
  [[nodiscard]] std::optional<FolderEvent>& event() { return event_; }
  /// Why the folder as a whole cannot be used; empty: the task met no such trouble.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  bool carry_out(const StoreFile& task);
  bool carry_out(const UnlinkFiles& task);
  bool carry_out(const UnlinkSpools& task);
  bool carry_out(const Quarantine& task);
  bool carry_out(const ProveFile&) { return true; }  // The scrubber does both.
  bool carry_out(const SetScrub&) { return true; }

  /// Stores the file; returns why it could not be stored, or an empty text.
  [[nodiscard]] std::string store(const StoreFile& task);
  void unlink(const std::string& path);
  /// Sets trouble_ where the errno is a trouble of the folder as a whole.
  void note(int sys, const std::string& what);

  FolderTask task_;
  FolderPaths paths_;
  size_t at_ = 0;  ///< The number of keys or paths done.
  std::optional<FolderEvent> event_;
  std::string trouble_;
};

/// Carries out tasks one after the other, many in a step where the disk is quick, since waking a
/// thread for each costs more than a small task. Blocks as FolderWork does. Owned by the
/// CacheFolder and its step under way.
class FolderRound {
 public:
  /// Takes at least one task from the front of `tasks`.
  FolderRound(std::deque<FolderTask>& tasks, const FolderPaths& paths);

  void step();
  // Between two steps:
  [[nodiscard]] bool is_done() const { return at_ == works_.size(); }
  /// The tasks that were done since the last call.
  [[nodiscard]] std::span<FolderWork> take_done();

  [[nodiscard]] size_t size() const { return works_.size(); }

 private:
  std::vector<FolderWork> works_;
  size_t at_ = 0;     ///< The number of works_ that are done.
  size_t taken_ = 0;  ///< The number of these that take_done() returned.
};

}  // namespace daphnis::broker::uv

#include "broker/uv/folder/folder_tasks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "broker/cache/block_index.h"
#include "broker/uv/folder/folder_quarantine.h"
#include "common/cachefile/cache_file.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {
namespace {

/// The length of a step after which the loop is told what is done, and that the disk works.
constexpr std::chrono::milliseconds kStepTime(100);

/// The text of an errno; may be called in any thread.
std::string text_of(int sys) {
  return Error{Errc::kSystem, sys, {}}.text();
}

/// Why a file cannot be stored; empty: its size and its footer are right. Sets `blocks` as
/// FileStored has them.
std::string fault_of(int fd, const StoreFile& task, std::optional<std::vector<BlockKey>>& blocks) {
  const uint64_t size = task.size;
  struct stat about {};
  if (::fstat(fd, &about) != 0) return text_of(errno);
  if (!S_ISREG(about.st_mode)) return "it is no regular file";
  if (static_cast<uint64_t>(about.st_size) != size) {
    return "it has " + std::to_string(about.st_size) + " bytes instead of " + std::to_string(size);
  }
  if (size < kCacheFooterBytes) return "it is shorter than a footer";
  std::array<uint8_t, kStoredTrailerBytesMax> space;
  const size_t wanted = task.block_secret ? space.size() : kCacheFooterBytes;
  const Bytes end = Bytes(space).first(static_cast<size_t>(std::min<uint64_t>(wanted, size)));
  const ssize_t got = ::pread(fd, space.data(), end.size(), static_cast<off_t>(size - end.size()));
  if (got < 0) return text_of(errno);
  if (static_cast<size_t>(got) != end.size()) return "its footer is cut short";
  const auto footer = read_cache_footer(end.last(kCacheFooterBytes), size);
  if (!footer) return footer.error().text();
  if (task.block_secret && footer->trailer_bytes() <= end.size()) {
    const Bytes trailer = end.last(static_cast<size_t>(footer->trailer_bytes()));
    blocks = block_keys_of(trailer, *footer, task.key, *task.block_secret)
                 .value_or(std::vector<BlockKey>());
  }
  return {};
}

}  // namespace

bool FolderWork::step() {
  return std::visit([this](const auto& task) { return carry_out(task); }, task_);
}

void FolderWork::note(int sys, const std::string& what) {
  if (is_folder_trouble(sys)) end_.trouble = what + ": " + text_of(sys);
}

void FolderWork::unlink(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) note(errno, "cannot unlink " + path);
}

std::string FolderWork::store(const StoreFile& task, std::optional<std::vector<BlockKey>>& blocks) {
  if (paths_.dir.empty() || !is_spool_name(task.name)) return "no name of a spool: " + task.name;
  const std::string from = paths_.tmp() + "/" + task.name;
  {
    const daphnis::uv::UniqueFd file(
        ::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) {
      const int sys = errno;
      // A missing file is its writer's fault, but a missing tmp/ is a trouble of the folder.
      if (sys != ENOENT || ::access(paths_.tmp().c_str(), F_OK) != 0)
        note(sys, "cannot open " + from);
      return "cannot open " + from + ": " + text_of(sys);
    }
    if (std::string fault = fault_of(file.get(), task, blocks); !fault.empty()) return fault;
  }
  const std::string to = paths_.object(task.key);
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  const int sys = errno;
  note(sys, "cannot rename " + from);
  return "cannot rename " + from + ": " + text_of(sys);
}

FolderRound::FolderRound(std::vector<FolderTask> tasks, const FolderPaths& paths) {
  for (FolderTask& task : tasks) works_.emplace_back(std::move(task), paths);
}

RoundStep FolderRound::step() {
  RoundStep step;
  const auto end = std::chrono::steady_clock::now() + kStepTime;
  while (at_ < works_.size() && works_[at_].step()) {
    step.ends.push_back(works_[at_++].take_end());
    if (std::chrono::steady_clock::now() >= end) break;
  }
  step.is_last = at_ == works_.size();
  return step;
}

bool FolderWork::carry_out(const StoreFile& task) {
  FileStored stored{.spool = task.spool, .key = task.key, .is_stored = false, .why = {}};
  stored.why = store(task, stored.blocks);
  stored.is_stored = stored.why.empty();
  if (!stored.is_stored && !paths_.dir.empty()) {
    if (is_spool_name(task.name)) unlink(paths_.tmp() + "/" + task.name);
    // The core drops this key, so no file may be left under its name: an older one, which the scan
    // has not reached yet, would be a hit.
    unlink(paths_.object(task.key));
  }
  end_.event = std::move(stored);
  return true;
}

bool FolderWork::carry_out(const UnlinkFiles& task) {
  for (size_t i = 0; i < limits::kFolderStepFiles && at_ < task.keys.size(); ++i, ++at_) {
    if (!paths_.dir.empty()) unlink(paths_.object(task.keys[at_]));
  }
  if (at_ < task.keys.size()) return false;
  end_.event = FilesUnlinked{task.deferred_free};
  return true;
}

bool FolderWork::carry_out(const UnlinkSpools& task) {
  for (size_t i = 0; i < limits::kFolderStepFiles && at_ < task.paths.size(); ++i, ++at_) {
    if (const std::string path = paths_.spool(task.paths[at_]); !path.empty()) unlink(path);
  }
  if (at_ < task.paths.size()) return false;
  if (task.deferred_free != 0) end_.event = FilesUnlinked{task.deferred_free};
  return true;
}

bool FolderWork::carry_out(const Quarantine& task) {
  if (paths_.dir.empty()) return true;
  const std::string path = paths_.object(task.key);
  if (!quarantine_file(paths_, task.key)) unlink(path);
  return true;
}

}  // namespace daphnis::broker::uv

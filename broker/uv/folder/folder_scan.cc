#include "broker/uv/folder/folder_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "broker/cache/cache_scan.h"
#include "broker/uv/folder/folder_files.h"
#include "common/uv/owned_path.h"

namespace daphnis::broker::uv {
namespace {

std::string trouble_text(int sys, const std::string& what) {
  return Error{Errc::kSystem, sys, what}.text();
}

}  // namespace

ScanStep FolderScan::step() {
  ScanStep step;
  if (!snapshot_) read_snapshot();
  while (step.files_seen < limits::kFilesFoundMax && step.trouble.empty()) {
    if (names_.empty()) {
      if (next_folder_ == FolderPaths::kObjectFolders) {
        step.is_last = true;
        step.sample = take_sample();
        break;
      }
      if (!open_folder(step)) break;
      continue;
    }
    const std::string name = std::move(names_.back());
    names_.pop_back();
    ++step.files_seen;
    look_at(name, step);
  }
  return step;
}

void FolderScan::read_snapshot() {
  snapshot_ = std::make_unique<CacheSnapshot>();
  auto bytes = read_whole_file(paths_.index(), limits::kSnapshotBytesMax);
  if (bytes) snapshot_ = std::make_unique<CacheSnapshot>(std::move(*bytes));
}

bool FolderScan::open_folder(ScanStep& step) {
  const unsigned number = next_folder_++;
  const std::string path = paths_.objects() + "/" + FolderPaths::object_folder(number);
  folder_ =
      daphnis::uv::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  const int sys =
      folder_ ? for_each_name(path, [this](const std::string& name) { names_.push_back(name); })
              : errno;
  if (sys == 0) return true;
  step.trouble = trouble_text(sys, "cannot read the folder " + path);
  return false;
}

void FolderScan::look_at(const std::string& name, ScanStep& step) {
  CacheEntry entry{.key = {}, .root = {}};
  struct stat about {};
  if (::fstatat(folder_.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == EIO) return remove(name, step);
    if (errno != ENOENT) step.trouble = trouble_text(errno, "cannot look at " + name);
    return;  // The file was evicted meanwhile.
  }
  const unsigned number = next_folder_ - 1;
  // A file that others own or may write could change after it was proven.
  if (!S_ISREG(about.st_mode) || !daphnis::uv::is_owned(about) ||
      !parse_cache_file_name(name, entry.key) || entry.key[0] != number) {
    return remove(name, step);
  }
  entry.size = static_cast<uint64_t>(about.st_size);
  auto known = snapshot_->find(entry.key);
  if (known && known->size == entry.size) {
    entry = std::move(*known);
  } else {
    entry.stored_s = static_cast<uint32_t>(about.st_mtime);
    switch (look_into(name, entry, step)) {
      case Look::kValid:
        break;
      case Look::kInvalid:
        return remove(name, step);
      case Look::kGone:
      case Look::kTrouble:
        return;
    }
  }
  sample(entry.key, about.st_mtime);
  step.entries.push_back(std::move(entry));
}

FolderScan::Look FolderScan::look_into(const std::string& name, CacheEntry& entry, ScanStep& step) {
  const daphnis::uv::UniqueFd file(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  int64_t got = file ? 0 : -errno;
  for (const size_t wanted : {kTailBytes, kTailBytesMax}) {
    tail_.resize(std::min<uint64_t>(wanted, entry.size));
    if (file) got = read_at(file.get(), tail_.data(), tail_.size(), entry.size - tail_.size());
    if (got == -ENOENT) return Look::kGone;
    if (got == -EIO) return Look::kInvalid;
    if (got < 0) {
      step.trouble = trouble_text(static_cast<int>(-got), "cannot read " + name);
      return Look::kTrouble;
    }
    tail_.resize(static_cast<size_t>(got));
    auto root = root_of_tail(tail_, entry.size, entry.key);
    if (root) {
      entry.root = *root;
      return Look::kValid;
    }
    if (root.error().code != Errc::kTruncated) break;
  }
  return Look::kInvalid;
}

void FolderScan::remove(const std::string& name, ScanStep& step) {
  ++step.files_removed;
  RequestKey key{};
  if (parse_cache_file_name(name, key)) step.lost.push_back(key);
  if (::unlinkat(folder_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
  const bool is_folder = errno == EISDIR || errno == EPERM;
  // An empty folder is removed; one with content is a mistake that does no harm.
  if (is_folder && (::unlinkat(folder_.get(), name.c_str(), AT_REMOVEDIR) == 0 ||
                    errno == ENOTEMPTY || errno == EEXIST)) {
    return;
  }
  step.trouble = trouble_text(errno, "cannot remove " + name);
}

void FolderScan::sample(const RequestKey& key, time_t changed) {
  youngest_.emplace_back(changed, key);
  std::ranges::push_heap(youngest_, std::greater<>());
  if (youngest_.size() <= limits::kScrubSampleFiles) return;
  std::ranges::pop_heap(youngest_, std::greater<>());
  youngest_.pop_back();
}

std::vector<RequestKey> FolderScan::take_sample() {
  std::vector<RequestKey> keys;
  for (const auto& [changed, key] : youngest_) keys.push_back(key);
  return keys;
}

}  // namespace daphnis::broker::uv

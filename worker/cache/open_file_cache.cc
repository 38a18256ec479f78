#include "worker/cache/open_file_cache.h"

#include <iterator>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {
namespace {

/// The memory that an entry costs beside its body, so that tiny bodies are bounded too.
constexpr size_t kEntryBytes = 512;

size_t body_cost(const CachedFile& file) {
  return file.file ? 0 : file.body.size + kEntryBytes;
}

}  // namespace

const CachedFile* OpenFileCache::find(const RequestKey& key) {
  const auto found = table_.find(key);
  if (found == table_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->file;
}

const CachedFile& OpenFileCache::add(const RequestKey& key, CachedFile file) {
  drop(key);
  entries_.push_front({.key = key, .file = std::move(file)});
  table_.emplace(key, entries_.begin());
  const CachedFile& added = entries_.front().file;
  files_ += added.file ? 1 : 0;
  body_bytes_ += body_cost(added);
  while (files_ > limits::kOpenFilesMax || body_bytes_ > limits::kOpenFileBodiesBytesMax) {
    put_out(std::prev(entries_.end()));
  }
  return added;
}

void OpenFileCache::set_index(const RequestKey& key, BlockIndexRef index) {
  const auto found = table_.find(key);
  if (found == table_.end()) return;
  drop_index(found->second->file);
  if (index->memory_bytes() > limits::kOpenFileIndexesBytesMax) return;
  for (auto at = entries_.rbegin();
       index_bytes_ + index->memory_bytes() > limits::kOpenFileIndexesBytesMax &&
       at != entries_.rend();
       ++at) {
    drop_index(at->file);
  }
  index_bytes_ += index->memory_bytes();
  found->second->file.index = std::move(index);
}

void OpenFileCache::drop_index(CachedFile& file) {
  if (!file.index) return;
  index_bytes_ -= file.index->memory_bytes();
  file.index.reset();
}

void OpenFileCache::drop(const RequestKey& key) {
  const auto found = table_.find(key);
  if (found != table_.end()) put_out(found->second);
}

void OpenFileCache::clear() {
  table_.clear();
  entries_.clear();
  files_ = body_bytes_ = index_bytes_ = 0;
}

void OpenFileCache::put_out(Entries::iterator entry) {
  files_ -= entry->file.file ? 1 : 0;
  body_bytes_ -= body_cost(entry->file);
  drop_index(entry->file);
  table_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace daphnis::worker

#include "l2/core/block_index.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace daphnis::l2 {

BlockIndexEntry::BlockIndexEntry(uint64_t key, const SectionPlace& place)
    : key_(key), place_(place.offset << 24 | place.size), file_(place.file) {
  check(place.offset < SectionPlace::kOffsetLimit, "a section's offset beyond the index's bits");
  check(place.size < SectionPlace::kSizeLimit, "a section's size beyond the index's bits");
}

SectionPlace BlockIndexEntry::place() const {
  return {file_, place_ >> 24, static_cast<uint32_t>(place_ & (SectionPlace::kSizeLimit - 1))};
}

uint64_t BlockIndex::key_of(const Cid& cid) {
  // Digests are spread evenly already; the hash's code keeps equal digests of different hashes
  // apart.
  uint64_t key = 0;
  const Bytes digest = cid.digest();
  std::memcpy(&key, digest.data(), std::min(digest.size(), sizeof(key)));
  return key ^ cid.hash_code() * 0x9e3779b97f4a7c15U;
}

BlockIndex::Entry BlockIndex::entry_of(const Cid& cid, const SectionPlace& place) {
  return {key_of(cid), place};
}

void BlockIndex::add(std::span<const Entry> entries) {
  entries_.insert(entries.begin(), entries.end());
}

std::vector<BlockIndex::Candidate> BlockIndex::find(const Cid& cid, size_t most) const {
  std::vector<Candidate> found;
  const uint64_t key = key_of(cid);
  auto at = entries_.lower_bound(Entry(key, {}));
  for (; at != entries_.end() && at->key_ == key && found.size() < most; ++at) {
    found.push_back({at->place(), at->is_proven_});
  }
  return found;
}

bool BlockIndex::is_in_file(const Cid& cid, uint32_t file) const {
  const uint64_t key = key_of(cid);
  auto at = entries_.lower_bound(Entry(key, {}));
  while (at != entries_.end() && at->key_ == key && at->file_ != file) ++at;
  return at != entries_.end() && at->key_ == key;
}

void BlockIndex::mark_proven(const Cid& cid, const SectionPlace& place) {
  const auto at = entries_.find(entry_of(cid, place));
  if (at != entries_.end()) at->is_proven_ = true;
}

void BlockIndex::forget(const Cid& cid, const SectionPlace& place) {
  entries_.erase(entry_of(cid, place));
}

void BlockIndex::forget_files(std::span<const uint32_t> files) {
  if (files.empty()) return;
  absl::erase_if(entries_, [files](const Entry& entry) {
    return std::ranges::binary_search(files, entry.file_);
  });
}

}  // namespace daphnis::l2

#include "common/proof/kept_blocks.h"

#include "common/base/check.h"

namespace daphnis {

size_t KeptBlocks::newly_pinned(std::span<const Slice> block) const {
  size_t bytes = 0;
  const uint8_t* last = last_pinned_;
  for (const Slice& slice : block) {
    if (!slice.buffer || slice.buffer.data() == last) continue;
    last = slice.buffer.data();
    bytes += slice.buffer.capacity();
  }
  return bytes;
}

bool KeptBlocks::add(const CidKey& key, std::span<const Slice> block) {
  const auto at = index_.find(key);
  if (at != index_.end() && at->second >= first_) return true;
  const size_t slot = sizeof(std::pair<const CidKey, uint64_t>);
  if (hash_bytes_after_insert(index_.size(), index_.capacity(), slot) > index_bytes_max_) {
    return false;
  }
  index_[key] = first_ + blocks_.size();

  Kept kept{{}, total_size(block), newly_pinned(block)};
  // A first block pins its whole buffer. The slack allows for that until the next blocks of the
  // buffer are kept too.
  constexpr size_t kSlack = limits::kMiB;
  if (bytes_ + kept.charge > 2 * (kept_bytes_ + kept.size) + kSlack) {
    kept.slices.push_back(Slice::copy_of(joined(block)));
    kept.charge = kept.size;
    last_pinned_ = nullptr;
  } else {
    kept.slices.assign(block.begin(), block.end());
    if (!block.empty() && block.back().buffer) last_pinned_ = block.back().buffer.data();
  }
  bytes_ += kept.charge;
  kept_bytes_ += kept.size;
  blocks_.push_back(std::move(kept));
  while (bytes_ + blocks_.size() * sizeof(Kept) > bytes_max_) drop_oldest();
  return true;
}

void KeptBlocks::drop_oldest() {
  check(!blocks_.empty(), "kept bytes were counted wrong");
  bytes_ -= blocks_.front().charge;
  kept_bytes_ -= blocks_.front().size;
  blocks_.pop_front();
  ++first_;
  if (blocks_.empty()) last_pinned_ = nullptr;
}

std::optional<std::span<const Slice>> KeptBlocks::find(const Cid& cid) const {
  const auto at = index_.find(CidKey(cid));
  if (at == index_.end() || at->second < first_) return std::nullopt;
  return blocks_[at->second - first_].slices;
}

void KeptBlocks::clear() {
  blocks_.clear();
  index_ = {};
  bytes_ = 0;
  kept_bytes_ = 0;
  first_ = 0;
  last_pinned_ = nullptr;
}

}  // namespace daphnis

#include "common/proof/held_block.h"

#include <algorithm>
#include <cstring>

namespace daphnis {

void HeldBlock::clear() {
  slices_.clear();
  gathered_ = {};
}

void HeldBlock::add(Slice part) {
  if (gathered_) return gather(part.bytes());
  if (!slices_.empty()) {
    Slice& last = slices_.back();
    if (last.data + last.size == part.data && last.buffer && part.buffer &&
        last.buffer.data() == part.buffer.data()) {
      last.size += part.size;
      return;
    }
  }
  if (slices_.size() < limits::kBlockSlicesMax) {
    slices_.push_back(std::move(part));
  } else {
    gather(part.bytes());
  }
}

void HeldBlock::gather(Bytes part) {
  const size_t held = total_size(slices_);
  // The buffer grows with the bytes that came, never with the size that was announced.
  if (!gathered_ || gathered_.capacity() - held < part.size()) {
    constexpr size_t kSmallest = 64 * limits::kKiB;
    BufferRef larger = BufferRef::allocate(std::max(kSmallest, 2 * (held + part.size())));
    size_t at = 0;
    for (const Slice& slice : slices_) {
      std::memcpy(larger.data() + at, slice.data, slice.size);
      at += slice.size;
    }
    gathered_ = std::move(larger);
  }
  std::memcpy(gathered_.data() + held, part.data(), part.size());
  slices_.clear();
  slices_.push_back({gathered_, gathered_.data(), held + part.size()});
}

}  // namespace daphnis

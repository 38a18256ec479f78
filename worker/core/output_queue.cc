#include "worker/core/output_queue.h"

#include <algorithm>
#include <utility>

#include "common/core/check.h"

namespace daphnis::worker {
namespace {

constexpr size_t kCompactFrom = 256;  ///< Consumed entries worth moving the others for.

bool share_buffer(const Slice& a, const Slice& b) {
  return a.buffer && b.buffer && a.buffer.data() == b.buffer.data();
}

}  // namespace

void OutputQueue::push(Slice slice) {
  if (slice.size == 0) return;
  const bool is_counted = !is_empty() && share_buffer(entries_.back().slice, slice);
  const size_t pins = slice.buffer && !is_counted ? slice.buffer.capacity() : 0;
  bytes_ += slice.size;
  pinned_bytes_ += pins;
  entries_.push_back({.slice = std::move(slice), .pins = pins});
}

size_t OutputQueue::views(std::span<Bytes> views, size_t bytes_max) const {
  size_t count = 0;
  for (size_t at = front_; at < entries_.size() && count < views.size() && bytes_max > 0; ++at) {
    const Bytes bytes = entries_[at].slice.bytes();
    views[count] = bytes.first(std::min(bytes.size(), bytes_max));
    bytes_max -= views[count].size();
    ++count;
  }
  return count;
}

void OutputQueue::consume(size_t size) {
  check(size <= bytes_, "more was written than there was");
  bytes_ -= size;
  while (size > 0) {
    Slice& front = entries_[front_].slice;
    const size_t taken = std::min(size, front.size);
    front.data += taken;
    front.size -= taken;
    size -= taken;
    if (front.size == 0) drop_front();
  }
}

void OutputQueue::drop_front() {
  Entry& front = entries_[front_];
  const bool has_next = front_ + 1 < entries_.size();
  if (has_next && share_buffer(front.slice, entries_[front_ + 1].slice)) {
    entries_[front_ + 1].pins += front.pins;
  } else {
    pinned_bytes_ -= front.pins;
  }
  front = {};
  ++front_;
  if (!has_next) {
    entries_.clear();
    front_ = 0;
  } else if (front_ >= kCompactFrom && front_ * 2 >= entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(front_));
    front_ = 0;
  }
}

void OutputQueue::clear() {
  entries_.clear();
  front_ = bytes_ = pinned_bytes_ = 0;
}

}  // namespace daphnis::worker

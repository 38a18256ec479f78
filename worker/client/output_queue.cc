#include "worker/client/output_queue.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::worker {
namespace {

/// The number of consumed entries that is worth moving the others.
constexpr size_t kCompactFrom = 256;

bool share_buffer(const Slice& a, const Slice& b) {
  return a.buffer && b.buffer && a.buffer.data() == b.buffer.data();
}

bool is_continued_by(const FileRange& range, const FileRange& next) {
  return range.file == next.file && range.offset + range.size == next.offset;
}

}  // namespace

void OutputQueue::push(Slice slice) {
  if (slice.size == 0) return;
  const bool is_counted = !is_empty() && share_buffer(entries_.back().slice, slice);
  const size_t pins = slice.buffer && !is_counted ? slice.buffer.capacity() : 0;
  memory_bytes_ += slice.size;
  pinned_bytes_ += pins;
  entries_.push_back({.slice = std::move(slice), .pins = pins});
}

void OutputQueue::push(FileRange range) {
  if (range.size == 0) return;
  const bool is_next = !is_empty() && is_continued_by(entries_.back().range, range);
  file_bytes_ += range.size;
  if (is_next) {
    entries_.back().range.size += range.size;
  } else {
    entries_.push_back({.range = std::move(range)});
  }
}

size_t OutputQueue::views(std::span<Bytes> views, uint64_t bytes_max) const {
  size_t count = 0;
  for (size_t at = front_; at < entries_.size() && count < views.size() && bytes_max > 0; ++at) {
    if (entries_[at].range) break;
    const Bytes bytes = entries_[at].slice.bytes();
    views[count] = bytes.first(static_cast<size_t>(std::min<uint64_t>(bytes.size(), bytes_max)));
    bytes_max -= views[count].size();
    ++count;
  }
  return count;
}

FileRange OutputQueue::file_front() const {
  return is_empty() ? FileRange{} : entries_[front_].range;
}

void OutputQueue::consume(uint64_t size) {
  check(size <= bytes(), "more was written than there was");
  while (size > 0) {
    Entry& front = entries_[front_];
    size -= front.range ? consume_file(front.range, size) : consume_memory(front.slice, size);
    if (front.range.size == 0 && front.slice.size == 0) drop_front();
  }
}

uint64_t OutputQueue::consume_memory(Slice& front, uint64_t size) {
  const auto taken = static_cast<size_t>(std::min<uint64_t>(size, front.size));
  front.data += taken;
  front.size -= taken;
  memory_bytes_ -= taken;
  return taken;
}

uint64_t OutputQueue::consume_file(FileRange& front, uint64_t size) {
  const uint64_t taken = std::min(size, front.size);
  front.offset += taken;
  front.size -= taken;
  file_bytes_ -= taken;
  return taken;
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
  front_ = memory_bytes_ = pinned_bytes_ = 0;
  file_bytes_ = 0;
}

}  // namespace daphnis::worker

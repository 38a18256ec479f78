#include "worker/fetch/fetch_window.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::worker {

FetchWindow::~FetchWindow() {
  pinned_in_all_ -= pinned_;
}

size_t FetchWindow::pins_of(const BufferRef& buffer) {
  if (!buffer) return 0;
  const uint8_t* const data = buffer.data();
  if (data == recent_[0]) return 0;
  const bool is_known = data == recent_[1];
  recent_ = {data, recent_[0]};
  return is_known ? 0 : buffer.capacity();
}

void FetchWindow::append(Slices& output) {
  if (entries_.empty()) recent_ = {};  // A buffer that is gone may come again with other content.
  for (Slice& slice : output) {
    if (slice.size == 0) continue;
    const size_t pins = pins_of(slice.buffer);
    pinned_ += pins;
    pinned_in_all_ += pins;
    const uint64_t offset = end_;
    end_ += slice.size;
    entries_.push_back({.slice = std::move(slice), .offset = offset, .pins = pins});
  }
  output.clear();
}

bool FetchWindow::append_at(uint64_t offset, Slices& output) {
  check(offset <= end_, "output leaves a gap behind what came before");
  uint64_t known = end_ - offset;
  auto at = output.begin();
  for (; at != output.end() && at->size <= known; ++at) known -= at->size;
  output.erase(output.begin(), at);
  if (output.empty()) return false;
  const auto skipped = static_cast<size_t>(known);
  if (skipped > 0) output.front() = output.front().part(skipped, output.front().size - skipped);
  append(output);
  return true;
}

void FetchWindow::drop_before(uint64_t offset) {
  while (!entries_.empty()) {
    const Entry& front = entries_.front();
    if (front.offset + front.slice.size > offset) return;
    pinned_ -= front.pins;
    pinned_in_all_ -= front.pins;
    entries_.pop_front();
  }
}

void FetchWindow::start_at(uint64_t offset) {
  drop_before(end_);
  end_ = offset;
}

void FetchWindow::read(uint64_t from, size_t bytes_max, Slices& out) const {
  check(begin() <= from && from <= end_, "a read outside the window");
  auto at = std::ranges::upper_bound(entries_, from, {}, &Entry::offset);
  if (at != entries_.begin()) --at;
  for (; at != entries_.end() && bytes_max > 0; ++at) {
    const auto skipped = static_cast<size_t>(from - at->offset);
    if (skipped >= at->slice.size) continue;
    const size_t taken = std::min(at->slice.size - skipped, bytes_max);
    out.push_back(at->slice.part(skipped, taken));
    from += taken;
    bytes_max -= taken;
  }
}

}  // namespace daphnis::worker

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/base/slice.h"

namespace daphnis::worker {

/// The part of a fetch's proven output that is held in memory: slices in order, with their place in
/// the output. Grows at its end, shrinks at its beginning; what to keep is its owner's decision.
/// Owned by a Fetch.
class FetchWindow {
 public:
  /// `pinned_in_all` is the sum over a worker's windows; must outlive this one.
  explicit FetchWindow(size_t& pinned_in_all) : pinned_in_all_(pinned_in_all) {}
  ~FetchWindow();
  FetchWindow(const FetchWindow&) = delete;
  FetchWindow& operator=(const FetchWindow&) = delete;

  /// Takes the slices out of `output` and puts them at the end.
  void append(Slices& output);
  /// Drops what lies wholly before `offset`. At most all of it goes.
  void drop_before(uint64_t offset);
  /// Forgets all that ever was in it: the output begins anew.
  void clear();
  /// Appends to `out` what follows `from` (inside the window or at its end): at least one byte
  /// where there is one, and no more than `bytes_max`.
  void read(uint64_t from, size_t bytes_max, Slices& out) const;

  /// Offsets in the output: of the first byte held, and behind the last.
  [[nodiscard]] uint64_t begin() const { return entries_.empty() ? end_ : entries_.front().offset; }
  [[nodiscard]] uint64_t end() const { return end_; }
  [[nodiscard]] uint64_t bytes() const { return end_ - begin(); }
  /// Memory that the slices keep from being used again: each of their buffers as a whole.
  [[nodiscard]] size_t pinned_bytes() const { return pinned_; }

 private:
  struct Entry {
    Slice slice;
    uint64_t offset;
    size_t pins;  ///< Capacity of its buffer where no entry shortly before it has the same.
  };
  [[nodiscard]] size_t pins_of(const BufferRef& buffer);

  size_t& pinned_in_all_;
  std::deque<Entry> entries_;
  uint64_t end_ = 0;
  size_t pinned_ = 0;
  /// Buffers of late: bodies and the heads between them come from two in turn. Only compared.
  std::array<const uint8_t*, 2> recent_{};
};

}  // namespace daphnis::worker

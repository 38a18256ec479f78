#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/base/slice.h"

namespace daphnis::worker {

/// The part of a fetch's proven output that is held in memory: slices in sequence, each with its
/// offset in the output. The window grows at its end and shrinks at its beginning, as its owner
/// says. Owned by a Fetch.
class FetchWindow {
 public:
  /// `pinned_in_all` is the sum of pinned_bytes() over all windows of a worker; it must outlive
  /// this one.
  explicit FetchWindow(size_t& pinned_in_all) : pinned_in_all_(pinned_in_all) {}
  ~FetchWindow();
  FetchWindow(const FetchWindow&) = delete;
  FetchWindow& operator=(const FetchWindow&) = delete;

  /// Moves the slices out of `output` and appends them.
  void append(Slices& output);
  /// The same for bytes that begin at `offset`, at most end(): those below end() are dropped, since
  /// the window has or had them. True where bytes were appended.
  bool append_at(uint64_t offset, Slices& output);
  /// Drops slices that lie wholly before `offset`.
  void drop_before(uint64_t offset);
  /// Empties the window and begins again at offset 0.
  void clear() { start_at(0); }
  /// Empties the window, whose next byte has that offset.
  void start_at(uint64_t offset);
  /// Appends to `out` the bytes from `from` on, which lies inside the window or at its end: at most
  /// `bytes_max`, and at least one byte where there is one.
  void read(uint64_t from, size_t bytes_max, Slices& out) const;

  /// The offset of the first byte held.
  [[nodiscard]] uint64_t begin() const { return entries_.empty() ? end_ : entries_.front().offset; }
  [[nodiscard]] uint64_t end() const { return end_; }
  [[nodiscard]] uint64_t bytes() const { return end_ - begin(); }
  /// Bytes of memory that the slices keep from being used again: the whole capacity of each of
  /// their buffers.
  [[nodiscard]] size_t pinned_bytes() const { return pinned_; }
  /// The sum over the windows that share the constructor's count.
  [[nodiscard]] size_t pinned_in_all() const { return pinned_in_all_; }

 private:
  struct Entry {
    Slice slice;
    uint64_t offset;
    /// The capacity of the slice's buffer; 0 where an entry shortly before it has the same buffer.
    size_t pins;
  };
  [[nodiscard]] size_t pins_of(const BufferRef& buffer);

  size_t& pinned_in_all_;
  std::deque<Entry> entries_;
  uint64_t end_ = 0;
  size_t pinned_ = 0;
  /// The last two buffers, compared only: block bodies and the heads between them come from two
  /// buffers in turn.
  std::array<const uint8_t*, 2> recent_{};
};

}  // namespace daphnis::worker

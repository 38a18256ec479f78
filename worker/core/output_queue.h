#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/core/slice.h"

namespace daphnis::worker {

/// Content on its way to a socket, in order and without copies. Owned by one exchange.
class OutputQueue {
 public:
  /// Appends content; empty slices are dropped.
  void push(Slice slice);

  /// Fills `views` from the front with at most `bytes_max` bytes and returns how many views it
  /// used.
  [[nodiscard]] size_t views(std::span<Bytes> views, size_t bytes_max) const;
  /// Drops `size` bytes from the front, which must be there.
  void consume(size_t size);
  void clear();

  [[nodiscard]] bool is_empty() const { return bytes_ == 0; }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  /// Memory that the content keeps from being used again: whole buffers, each counted once where
  /// its slices stand side by side. Few bytes may pin much where a stream is forwarded in small
  /// parts.
  [[nodiscard]] size_t pinned_bytes() const { return pinned_bytes_; }

 private:
  struct Entry {
    Slice slice;
    size_t pins = 0;  ///< Capacity of its buffer unless its neighbour in front counts it already.
  };
  void drop_front();

  std::vector<Entry> entries_;
  size_t front_ = 0;  ///< First entry not yet consumed.
  size_t bytes_ = 0;
  size_t pinned_bytes_ = 0;
};

}  // namespace daphnis::worker

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/slice.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// Content on its way to a socket, in sequence and without copies: slices of memory and parts of
/// files. Owned by one exchange.
class OutputQueue {
 public:
  /// Appends content; an empty slice or range is dropped.
  void push(Slice slice);
  void push(FileRange range);

  /// Fills `views` from the front, up to the next part of a file and with at most `bytes_max`
  /// bytes, and returns how many views it used.
  [[nodiscard]] size_t views(std::span<Bytes> views, uint64_t bytes_max) const;
  /// The part of a file at the front; none where a slice is there.
  [[nodiscard]] FileRange file_front() const;
  /// Drops `size` bytes from the front; the queue must hold that many.
  void consume(uint64_t size);
  void clear();

  [[nodiscard]] bool is_empty() const { return bytes() == 0; }
  /// Bytes of slices and of parts of files.
  [[nodiscard]] uint64_t bytes() const { return memory_bytes_ + file_bytes_; }
  [[nodiscard]] size_t memory_bytes() const { return memory_bytes_; }
  [[nodiscard]] uint64_t file_bytes() const { return file_bytes_; }
  /// Bytes of memory that the content keeps from being used again: whole buffers, each counted once
  /// where its slices are neighbours. Few bytes of content may pin much memory where a stream is
  /// forwarded in small parts.
  [[nodiscard]] size_t pinned_bytes() const { return pinned_bytes_; }

 private:
  struct Entry {
    Slice slice = {};
    /// The capacity of the slice's buffer; 0 where the entry in front counts it already.
    size_t pins = 0;
    FileRange range = {};  ///< A part of a file; where it is set, the entry has no slice.
  };
  uint64_t consume_memory(Slice& front, uint64_t size);
  uint64_t consume_file(FileRange& front, uint64_t size);
  void drop_front();

  std::vector<Entry> entries_;
  size_t front_ = 0;  ///< The first entry that is not yet consumed.
  size_t memory_bytes_ = 0;
  uint64_t file_bytes_ = 0;
  size_t pinned_bytes_ = 0;
};

}  // namespace daphnis::worker

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/slice.h"

namespace daphnis {

/// BLAKE3 without key or context
/// (https://github.com/BLAKE3-team/BLAKE3-specs/blob/master/blake3.pdf). Whole chunks of an update
/// are hashed side by side, as many as the processor's vectors hold, so large updates are several
/// times as fast as small ones.
class Blake3 {
 public:
  Blake3() { reset(); }

  void reset();
  void update(Bytes bytes);
  /// Writes the first digest.size() bytes of the (endless) digest of all bytes since reset().
  void finish(std::span<uint8_t> digest) const;

 private:
  static constexpr size_t kBlockBytes = 64;
  static constexpr size_t kChunkBytes = 1024;
  static constexpr size_t kCvBytes = 32;        // a chaining value: a subtree's digest
  static constexpr size_t kTreeHeightMax = 54;  // 2^64 bytes of input

  // A compression put off until it is known whether it is the root's.
  struct Output;

  [[nodiscard]] size_t chunk_size() const { return blocks_done_ * kBlockBytes + block_size_; }
  [[nodiscard]] uint8_t* cv_at(size_t index) { return stack_.data() + index * kCvBytes; }
  [[nodiscard]] const uint8_t* cv_at(size_t index) const {
    return stack_.data() + index * kCvBytes;
  }
  [[nodiscard]] Output chunk_output() const;
  void begin_chunk();
  void update_chunk(Bytes bytes);
  void update_chunks(Bytes bytes);
  void push_subtree(uint8_t* cvs, size_t chunks);
  void merge_stack(uint64_t chunks);
  void push(const uint8_t* cv, uint64_t chunks_before);

  std::array<uint32_t, 8> chunk_cv_;
  std::array<uint8_t, kBlockBytes> block_;  // the chunk's last block so far
  size_t block_size_;
  size_t blocks_done_;    // blocks of the chunk that are in chunk_cv_
  uint64_t chunks_done_;  // chunks that are in stack_
  size_t stack_size_;
  // Roots of whole subtrees, left to right; adjacent ones of one size are merged as late as
  // possible.
  std::array<uint8_t, kTreeHeightMax * kCvBytes> stack_;
};

}  // namespace daphnis

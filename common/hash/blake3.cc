#include "common/hash/blake3.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/hash/blake3_lanes.h"

namespace daphnis {
namespace {

// Chunks hashed in one go: enough that their parents, too, are hashed side by side.
constexpr size_t kBatchChunksMax = 256;

}  // namespace

struct Blake3::Output {
  std::array<uint32_t, 8> cv;
  std::array<uint8_t, kBlockBytes> block;
  size_t block_size;
  uint64_t counter;
  uint32_t flags;

  static Output parent(const uint8_t* left, const uint8_t* right) {
    Output output{blake3::kIv, {}, kBlockBytes, 0, blake3::kParent};
    std::memcpy(output.block.data(), left, kCvBytes);
    std::memcpy(output.block.data() + kCvBytes, right, kCvBytes);
    return output;
  }

  void write_cv(uint8_t* out) const {
    const auto words = blake3::compress(cv, block.data(), block_size, counter, flags);
    std::memcpy(out, words.data(), kCvBytes);
  }

  void write_root(std::span<uint8_t> out) const {
    for (uint64_t i = 0; !out.empty(); ++i) {
      const auto words = blake3::compress(cv, block.data(), block_size, i, flags | blake3::kRoot);
      const size_t size = std::min(out.size(), sizeof words);
      std::memcpy(out.data(), words.data(), size);
      out = out.subspan(size);
    }
  }
};

void Blake3::reset() {
  chunks_done_ = 0;
  stack_size_ = 0;
  begin_chunk();
}

void Blake3::begin_chunk() {
  chunk_cv_ = blake3::kIv;
  block_size_ = 0;
  blocks_done_ = 0;
}

Blake3::Output Blake3::chunk_output() const {
  Output output{chunk_cv_, {}, block_size_, chunks_done_, blake3::kChunkEnd};
  std::memcpy(output.block.data(), block_.data(), block_size_);  // the rest stays zero
  if (blocks_done_ == 0) output.flags |= blake3::kChunkStart;
  return output;
}

void Blake3::update_chunk(Bytes bytes) {
  while (!bytes.empty()) {
    // A full block is compressed only when another follows: the chunk's last one is flagged.
    if (block_size_ == kBlockBytes) {
      const uint32_t flags = blocks_done_ == 0 ? blake3::kChunkStart : blake3::kNone;
      const auto words =
          blake3::compress(chunk_cv_, block_.data(), kBlockBytes, chunks_done_, flags);
      std::copy_n(words.begin(), chunk_cv_.size(), chunk_cv_.begin());
      ++blocks_done_;
      block_size_ = 0;
    }
    const size_t taken = std::min(bytes.size(), kBlockBytes - block_size_);
    std::memcpy(block_.data() + block_size_, bytes.data(), taken);
    block_size_ += taken;
    bytes = bytes.subspan(taken);
  }
}

void Blake3::update(Bytes bytes) {
  if (chunk_size() > 0) {
    const size_t taken = std::min(bytes.size(), kChunkBytes - chunk_size());
    update_chunk(bytes.first(taken));
    bytes = bytes.subspan(taken);
    if (bytes.empty()) return;
    std::array<uint8_t, kCvBytes> cv;
    chunk_output().write_cv(cv.data());
    push(cv.data(), chunks_done_);
    ++chunks_done_;
    begin_chunk();
  }
  while (bytes.size() > kChunkBytes) {
    const size_t chunks = std::min(bytes.size() / kChunkBytes, kBatchChunksMax);
    update_chunks(bytes.first(chunks * kChunkBytes));
    bytes = bytes.subspan(chunks * kChunkBytes);
  }
  if (bytes.empty()) return;
  update_chunk(bytes);
  merge_stack(chunks_done_);  // a chunk follows the subtrees, so none of them is the root
}

// Hashes whole chunks side by side, from wherever the last update ended, and joins them to whole
// subtrees.
void Blake3::update_chunks(Bytes bytes) {
  std::array<uint8_t, kBatchChunksMax * kCvBytes> cvs;
  size_t left = bytes.size() / kChunkBytes;
  blake3::hash_batch({.input = bytes.data(),
                      .count = left,
                      .blocks = kChunkBytes / kBlockBytes,
                      .counter = chunks_done_,
                      .counter_step = 1,
                      .flags = blake3::kNone,
                      .first_flags = blake3::kChunkStart,
                      .last_flags = blake3::kChunkEnd},
                     cvs.data());
  for (uint8_t* at = cvs.data(); left > 0;) {
    size_t chunks = std::bit_floor(left);
    while ((chunks_done_ & (chunks - 1)) != 0) chunks /= 2;  // a subtree starts at its own multiple
    push_subtree(at, chunks);
    at += chunks * kCvBytes;
    left -= chunks;
  }
}

// Joins a subtree's nodes up to its two topmost: their parent may turn out to be the root.
void Blake3::push_subtree(uint8_t* cvs, size_t chunks) {
  for (size_t nodes = chunks; nodes > 2; nodes /= 2) {
    blake3::hash_batch({.input = cvs,
                        .count = nodes / 2,
                        .blocks = 1,
                        .counter = 0,
                        .counter_step = 0,
                        .flags = blake3::kParent,
                        .first_flags = blake3::kNone,
                        .last_flags = blake3::kNone},
                       cvs);
  }
  push(cvs, chunks_done_);
  if (chunks > 1) push(cvs + kCvBytes, chunks_done_ + chunks / 2);
  chunks_done_ += chunks;
}

// A tree over n chunks whose merges are all done has as many subtrees as n has one bits.
void Blake3::merge_stack(uint64_t chunks) {
  while (stack_size_ > static_cast<size_t>(std::popcount(chunks))) {
    stack_size_ -= 2;
    Output::parent(cv_at(stack_size_), cv_at(stack_size_ + 1)).write_cv(cv_at(stack_size_));
    ++stack_size_;
  }
}

void Blake3::push(const uint8_t* cv, uint64_t chunks_before) {
  merge_stack(chunks_before);
  std::memcpy(cv_at(stack_size_), cv, kCvBytes);
  ++stack_size_;
}

void Blake3::finish(std::span<uint8_t> digest) const {
  size_t left = stack_size_;
  Output output = chunk_output();
  if (chunk_size() == 0 && left > 0) {
    left -= 2;  // update() leaves one subtree alone only when a chunk is begun behind it
    output = Output::parent(cv_at(left), cv_at(left + 1));
  }
  while (left > 0) {
    --left;
    std::array<uint8_t, kCvBytes> right;
    output.write_cv(right.data());
    output = Output::parent(cv_at(left), right.data());
  }
  output.write_root(digest);
}

}  // namespace daphnis

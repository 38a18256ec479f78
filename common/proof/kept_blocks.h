#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "common/base/slice.h"
#include "common/ipld/cid_set.h"

namespace daphnis {

/// Proven blocks that may be wanted again: repeats that an L2 omits, and blocks that a whole DAG
/// brings before the request reaches them. Bounded: the oldest blocks are dropped first, and
/// knows() still tells that they were added. Blocks are kept as slices of the buffers they came in,
/// or as copies where the slices would pin more than about twice the bytes that are kept (small
/// reads into large buffers). Owned by a Verifier or a ProofPosition, one copy each.
class KeptBlocks {
 public:
  KeptBlocks(size_t bytes_max, size_t index_bytes_max)
      : bytes_max_(bytes_max), index_bytes_max_(index_bytes_max) {}

  /// Adds a block. False where the index would pass its bound; then nothing was added.
  [[nodiscard]] bool add(const CidKey& key, std::span<const Slice> block);
  /// The block's slices, valid until the next add(); nullopt where it is not kept.
  [[nodiscard]] std::optional<std::span<const Slice>> find(const Cid& cid) const;
  /// True where the block was added once, whether it is still kept or not.
  [[nodiscard]] bool knows(const Cid& cid) const { return index_.contains(CidKey(cid)); }
  void clear();

 private:
  struct Kept {
    absl::InlinedVector<Slice, 2> slices;
    size_t size;    ///< Bytes of the block.
    size_t charge;  ///< Bytes of memory it pins; a shared buffer is charged to its first block.
  };
  void drop_oldest();
  [[nodiscard]] size_t newly_pinned(std::span<const Slice> block) const;

  size_t bytes_max_;
  size_t index_bytes_max_;
  size_t bytes_ = 0;       // the sum of the charges
  size_t kept_bytes_ = 0;  // the sum of the blocks' sizes
  std::deque<Kept> blocks_;
  uint64_t first_ = 0;  // number of blocks_.front(), counted from the first ever added
  absl::flat_hash_map<CidKey, uint64_t> index_;
  const uint8_t* last_pinned_ = nullptr;  // start of the buffer that the newest block ends in
};

}  // namespace daphnis

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// A key of 36 bytes that is equal for two CIDs exactly when they name the same block (codec and
/// multihash): the digest itself where it has 32 bytes, else a SHA-256 of codec and multihash.
struct CidKey {
  std::array<uint8_t, 32> digest;
  uint32_t kind;

  explicit CidKey(const Cid& cid);
  [[nodiscard]] bool operator==(const CidKey&) const = default;

  template <class H>
  friend H AbslHashValue(H state, const CidKey& key) {
    return H::combine(H::combine_contiguous(std::move(state), key.digest.data(), key.digest.size()),
                      key.kind);
  }
};

/// Bytes of memory that a flat hash container of `capacity` slots of `slot_bytes` takes once it
/// holds one more element than `size`: it doubles when seven of eight slots are taken.
[[nodiscard]] size_t hash_bytes_after_insert(size_t size, size_t capacity, size_t slot_bytes);

/// A set of blocks, bounded by the memory it takes. Owned by a walk.
class CidSet {
 public:
  explicit CidSet(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Adds a block. False where the bound would be passed; then nothing was added.
  [[nodiscard]] bool insert(const CidKey& key);
  [[nodiscard]] bool contains(const CidKey& key) const { return keys_.contains(key); }

 private:
  absl::flat_hash_set<CidKey> keys_;
  size_t bytes_max_;
};

}  // namespace daphnis

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/slice.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/unixfs.h"

namespace daphnis {

/// The first 64 bits of MurmurHash3 x64-128 with seed 0, which UnixFS HAMTs call murmur3-x64-64.
[[nodiscard]] uint64_t murmur3_x64_64(Bytes bytes);

/// The index of `name` in a shard: `bits` (1..10) bits of the name's hash, after the `bits_used`
/// that the shards above took. nullopt where the hash has too few bits left.
[[nodiscard]] std::optional<uint64_t> hamt_index(std::string_view name, unsigned bits_used,
                                                 unsigned bits);

/// One shard of a HAMT directory (https://specs.ipfs.tech/unixfs/#dag-pb-hamtdirectory).
struct HamtShard {
  unsigned bits = 0;       ///< log2 of the fanout.
  size_t prefix_size = 0;  ///< Hex digits before each link's name.
  Bytes bitmap = {};       ///< Which children exist; the last byte holds children 0 to 7.
};

/// Checks a shard without reading its links: the hash function, a fanout that is a power of two
/// from 8 to kHamtFanoutMax, a bitmap no wider than the fanout, and one link for each bit that is
/// set. nullopt where any of these is wrong.
[[nodiscard]] std::optional<HamtShard> read_hamt_shard(const UnixFs& unixfs, size_t links);

/// Reads the children of a shard in encoded order and checks that each stands where its bit says
/// and that its name has the prefix for that. A view: lives no longer than the block.
class HamtReader {
 public:
  enum class Item { kChild, kEnd, kMalformed };

  HamtReader(const HamtShard& shard, Bytes block) : shard_(shard), node_(block) {}

  [[nodiscard]] Item next();
  // Valid after kChild:
  [[nodiscard]] Bytes cid() const { return node_.link().cid; }
  [[nodiscard]] uint64_t index() const { return index_; }
  /// The entry's name; empty for a child shard.
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] bool is_shard() const { return name_.empty(); }

 private:
  [[nodiscard]] bool seek_bit();

  HamtShard shard_;
  DagPbReader node_;
  uint64_t at_ = 0;
  uint64_t index_ = 0;
  std::string_view name_;
};

}  // namespace daphnis

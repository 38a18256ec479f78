#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/cachefile/cache_file.h"
#include "common/ipld/cid_set.h"

namespace daphnis::worker {

/// The place of each block of a cached CAR. Made once per file, in a thread where that takes long,
/// and shared from then on without change.
class BlockIndex {
 public:
  /// Makes an index from a file's trailer and checks the trailer's digest. Errors: as
  /// read_cache_trailer(); kNotFound where the file keeps no list of blocks.
  [[nodiscard]] static Result<BlockIndex> from_trailer(Bytes trailer, const CacheFooter& footer);
  /// Makes an index from a whole CARv1 that this edge has written. Errors: kMalformed.
  [[nodiscard]] static Result<BlockIndex> from_car(Bytes car);

  struct Place {
    uint64_t offset;  ///< The offset of the block's bytes in the file's body.
    uint32_t size;
  };
  /// The block's place; nothing where the file lacks it. Versions 0 and 1 of a CID find the same
  /// block.
  [[nodiscard]] std::optional<Place> find(const Cid& cid) const;
  [[nodiscard]] size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    CidKey key;
    uint32_t size;
    uint64_t offset;
  };
  static bool is_before(const CidKey& a, const CidKey& b);
  void add(const Cid& cid, uint64_t offset, uint32_t size);
  void sort();

  std::vector<Entry> entries_;
};

using BlockIndexRef = std::shared_ptr<const BlockIndex>;

}  // namespace daphnis::worker

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "broker/base/cache_types.h"

namespace daphnis::broker {

/// A hash table from blocks to numbers of files, in 16 to 24 bytes a block. It lies in many small
/// parts, each of which is rebuilt by itself when it is full, so that no call takes long. Entries
/// are not removed: those of files that are gone are left out when their part is rebuilt. Owned by
/// the BlockIndex.
class BlockTable {
 public:
  /// The number of no file.
  static constexpr uint32_t kNone = 0;
  /// True for the numbers of files that are still there.
  using IsThere = std::function<bool(uint32_t file)>;

  /// The file that the block was set to last, be it there or not; kNone where there is none.
  [[nodiscard]] uint32_t find(BlockKey block) const;
  /// Sets the block's file, which is not kNone.
  void set(BlockKey block, uint32_t file, const IsThere& is_there);
  void clear() { parts_ = {}; }
  [[nodiscard]] size_t memory_bytes() const;

 private:
  /// The key is in two halves, since a 64-bit one would make the slot 16 bytes large.
  struct Slot {
    uint32_t low = 0;
    uint32_t high = 0;
    uint32_t file = kNone;  ///< kNone: the slot is free.
  };
  struct Part {
    std::vector<Slot> slots;
    size_t used = 0;  ///< Slots that are not free; at most three of four.
  };
  static constexpr size_t kParts = 256;

  [[nodiscard]] static size_t part_of(BlockKey block) { return static_cast<uint64_t>(block) >> 56; }
  /// The slot with that key, or the free one in which it would be. The part has free slots.
  [[nodiscard]] static size_t slot_of(const std::vector<Slot>& slots, uint32_t low, uint32_t high);
  static void rebuild(Part& part, const IsThere& is_there);

  std::array<Part, kParts> parts_;
};

}  // namespace daphnis::broker

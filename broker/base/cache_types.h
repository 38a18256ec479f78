#pragma once

#include <cstdint>
#include <utility>

#include "broker/base/ids.h"
#include "common/denylist/deny_table.h"
#include "common/ipld/cid.h"
#include "common/request/car_request.h"

/// Types that the cache, its folder and the settings share.
namespace daphnis::broker {

enum class CachePolicyKind : uint8_t { kGdsf, kLruSp };

/// Names a spool, a temporary file that a worker writes: the worker, and its own number for it.
struct SpoolId {
  WorkerId worker{};
  uint64_t number = 0;

  [[nodiscard]] bool operator==(const SpoolId&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const SpoolId& id) {
    return H::combine(std::move(h), static_cast<uint64_t>(id.worker), id.number);
  }
};

/// 64 bits that stand for a block (broker/cache/block_index.h). Two blocks may have the same ones.
enum class BlockKey : uint64_t {};

/// One object of the cache. Ages count only time in which a broker ran, so neither a jump of the
/// wall clock nor a time without a broker changes them.
struct CacheEntry {
  /// The age of a file of which no proof is known.
  static constexpr uint16_t kNeverHours = 0xffff;

  RequestKey key;
  Cid root;
  uint64_t size = 0;
  uint32_t stored_s = 0;  ///< Seconds since the epoch; for people, and for whose blocks are known.
  uint32_t idle_s = 0;    ///< Seconds since a client asked for the object.
  uint32_t hits = 0;
  uint16_t unproven_h = kNeverHours;  ///< Hours since the file was proven, or written.
  DenylistId judged_by = 0;           ///< A list that denies nothing of the file; 0: none is known.
};

}  // namespace daphnis::broker

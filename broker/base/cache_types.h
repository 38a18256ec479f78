#pragma once

#include <cstdint>
#include <utility>

#include "broker/base/ids.h"
#include "common/ipld/cid.h"
#include "common/request/car_request.h"

/// What the cache, its folder and its configuration have in common.
namespace daphnis::broker {

enum class CachePolicyKind : uint8_t { kGdsf, kLruSp };

/// A temporary file some worker is writing: the worker and its own number for it.
struct SpoolId {
  WorkerId worker{};
  uint64_t number = 0;

  [[nodiscard]] bool operator==(const SpoolId&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const SpoolId& id) {
    return H::combine(std::move(h), static_cast<uint64_t>(id.worker), id.number);
  }
};

/// One object of the cache. Ages are in time that passed while a broker ran: whatever the wall
/// clock does, and however long there was no broker, they are what they were.
struct CacheEntry {
  /// An age that means: longer ago than anybody knows.
  static constexpr uint16_t kNeverHours = 0xffff;

  RequestKey key;
  Cid root;
  uint64_t size = 0;
  uint32_t stored_s = 0;  ///< Seconds since the epoch: a date for people, of no consequence.
  uint32_t idle_s = 0;    ///< Seconds since somebody asked for it.
  uint32_t hits = 0;
  uint16_t unproven_h = kNeverHours;  ///< Hours since the file was proven, or written.
};

}  // namespace daphnis::broker

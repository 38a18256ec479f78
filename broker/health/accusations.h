#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <cstdint>
#include <deque>

#include "broker/health/health.h"

namespace daphnis::broker {

inline constexpr size_t kAccusersMin = 3;  ///< So many liars about one root condemn nobody.
inline constexpr uint64_t kAccusedRootMs = 3'600'000;  ///< A root is remembered for so long.
inline constexpr size_t kAccusedRootsMax = 4'096;      ///< Beyond, the oldest is dropped.
inline constexpr size_t kRootsQuarantinedMax = 1'024;  ///< Likewise.

/// The roots over which L2s with deeds lied. One such L2 may lie, but where kAccusersMin of them
/// bring bytes that fail verification for the same root, the fault is the root's or the edge's own:
/// then the root is quarantined, and nobody is condemned for it. Owned by the HealthBook.
class Accusations {
 public:
  using Accusers = absl::InlinedVector<HealthNo, kAccusersMin>;

  /// An L2 with deeds lied about this root. Where that quarantines the root now, returns those who
  /// did so, this one the last; else nobody.
  [[nodiscard]] Accusers add(HealthNo l2, uint64_t root, uint64_t now_ms);
  [[nodiscard]] bool is_quarantined(uint64_t root, uint64_t now_ms) const;
  /// The number of roots that are quarantined.
  [[nodiscard]] size_t quarantined(uint64_t now_ms) const;
  /// The number of roots remembered for fewer accusers, perhaps some that are over among them.
  [[nodiscard]] size_t accused() const { return accused_.size(); }

 private:
  struct Accused {
    Accusers by;
    uint64_t since_ms = 0;
  };
  void quarantine(uint64_t root, uint64_t now_ms);
  void forget_old(uint64_t now_ms);

  absl::flat_hash_map<uint64_t, Accused> accused_;
  absl::flat_hash_map<uint64_t, uint64_t> quarantined_;  ///< Since when each is so.
  std::deque<uint64_t> accused_by_age_;                  ///< The oldest first.
  std::deque<uint64_t> quarantined_by_age_;              ///< The oldest first.
};

}  // namespace daphnis::broker

#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "broker/base/ids.h"
#include "common/base/limits.h"

namespace daphnis::broker {

/// Consistent hash ring (DESIGN 6): each L2 has kRingNodesPerL2 points, which follow from its id
/// alone; a key belongs to the first point clockwise. An L2 that comes or leaves moves only its own
/// keys. Owned by Registrations; changes with the registry.
class Ring {
 public:
  void add(std::string_view id, L2No l2);
  void remove(std::string_view id, L2No l2);

  /// The number of L2s on the ring.
  [[nodiscard]] size_t size() const { return size_; }

  /// Calls `visit(L2No)` for distinct L2s clockwise from `key`, until it returns false, or all L2s
  /// or `distinct_max` of them were seen.
  template <class Visit>
  void walk(uint64_t key, size_t distinct_max, Visit&& visit) const {
    absl::InlinedVector<L2No, limits::kCandidatesMax> seen;
    auto at = points_.lower_bound(key);
    for (size_t steps = points_.size(); steps > 0; --steps, ++at) {
      if (seen.size() == size_ || seen.size() == distinct_max) return;
      if (at == points_.end()) at = points_.begin();
      if (std::find(seen.begin(), seen.end(), at->second) != seen.end()) continue;
      seen.push_back(at->second);
      if (!visit(at->second)) return;
    }
  }

 private:
  absl::btree_map<uint64_t, L2No> points_;
  size_t size_ = 0;
};

}  // namespace daphnis::broker

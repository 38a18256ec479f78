#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "broker/base/ids.h"
#include "common/base/limits.h"

namespace daphnis::broker {

/// Consistent hash ring (DESIGN 6): each L2 stands at kRingNodesPerL2 places that follow from its
/// id alone; a key belongs to the first place clockwise. An L2 that comes or goes moves only the
/// keys it gains or had. Owned by the broker; changes with the registry.
class Ring {
 public:
  void add(std::string_view id, L2No l2);
  void remove(std::string_view id, L2No l2);

  /// L2s on the ring.
  [[nodiscard]] size_t size() const { return size_; }

  /// Calls `visit(L2No)` for distinct L2s clockwise from `key` until it returns false, all were
  /// seen, or `distinct_max` were.
  template <class Visit>
  void walk(uint64_t key, size_t distinct_max, Visit&& visit) const {
    absl::InlinedVector<L2No, limits::kCandidatesMax> seen;
    auto at = places_.lower_bound(key);
    for (size_t steps = places_.size(); steps > 0; --steps, ++at) {
      if (seen.size() == size_ || seen.size() == distinct_max) return;
      if (at == places_.end()) at = places_.begin();
      if (std::find(seen.begin(), seen.end(), at->second) != seen.end()) continue;
      seen.push_back(at->second);
      if (!visit(at->second)) return;
    }
  }

 private:
  absl::btree_map<uint64_t, L2No> places_;
  size_t size_ = 0;
};

}  // namespace daphnis::broker

#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"
#include "common/base/limits.h"

namespace daphnis::broker {

// The weights that an operator may give an L2.
inline constexpr double kL2WeightMin = 0.25;
inline constexpr double kL2WeightMax = 4;

/// The number of virtual nodes of an L2 of this weight (kL2WeightMin to kL2WeightMax): in
/// proportion to it, kRingNodesPerL2 at weight 1.
[[nodiscard]] size_t ring_nodes(double weight);

/// Consistent hash ring (DESIGN 6): each L2 has virtual nodes in proportion to its weight. Their
/// points follow from its id alone, and a key belongs to the first point clockwise. An L2 that
/// comes, leaves or changes its weight moves only its own keys; the ring is the same in whatever
/// order the L2s came. Owned by Registrations; changes with the registry.
///
/// The points lie sorted in kSegments arrays, each for an equal part of the ring. Points are
/// hashes, so where a key's place in its array is follows nearly from the key, and a look-up costs
/// about one read of memory (docs/performance.md).
class Ring {
 public:
  /// Adds an L2 that is not on the ring. `weight` is kL2WeightMin to kL2WeightMax.
  void add(std::string_view id, L2No l2, double weight = 1);
  /// Removes an L2 that is on the ring.
  void remove(std::string_view id, L2No l2);
  /// Changes the weight of an L2 that is on the ring: only the points that this adds or removes
  /// are touched.
  void set_weight(std::string_view id, L2No l2, double weight);

  /// The number of L2s on the ring.
  [[nodiscard]] size_t size() const { return members_.size(); }
  /// The virtual nodes of all L2s: the sum of their ring_nodes().
  [[nodiscard]] size_t nodes() const { return nodes_; }

  /// Calls `visit(L2No)` for distinct L2s clockwise from `key`, until it returns false, or all L2s
  /// or `distinct_max` of them were seen.
  template <class Visit>
  void walk(uint64_t key, size_t distinct_max, Visit&& visit) const {
    const size_t end = std::min(distinct_max, size());
    absl::InlinedVector<L2No, limits::kCandidatesMax> seen;
    size_t segment = segment_of(key);
    size_t at = place_of(segments_[segment], key);
    // The points of the first segment that lie before the key come last.
    for (size_t segments_left = kSegments + 1; segments_left > 0; --segments_left) {
      const Points& points = segments_[segment];
      for (; at < points.size(); ++at) {
        if (seen.size() == end) return;
        const L2No l2 = points[at].l2;
        if (std::find(seen.begin(), seen.end(), l2) != seen.end()) continue;
        seen.push_back(l2);
        if (!visit(l2)) return;
      }
      if (seen.size() == end) return;
      segment = (segment + 1) % kSegments;
      at = 0;
    }
  }

 private:
  /// Two to this power segments.
  static constexpr unsigned kSegmentBits = 14;
  static constexpr size_t kSegments = size_t{1} << kSegmentBits;

  struct Point {
    uint64_t at;
    L2No l2;
  };
  /// Sorted by the points, equal ones by the ids of their L2s.
  using Points = std::vector<Point>;
  struct Member {
    std::string id;
    size_t nodes;
  };

  [[nodiscard]] static size_t segment_of(uint64_t key) { return key >> (64 - kSegmentBits); }
  /// The index of the first point at `key` or behind it; the number of points where there is none.
  [[nodiscard]] static size_t place_of(const Points& points, uint64_t key);
  void insert(uint64_t point, std::string_view id, L2No l2);
  void erase(uint64_t point, L2No l2);
  /// Adds or removes points until the L2 has those of the nodes below `nodes`.
  void resize(Member& member, L2No l2, size_t nodes);

  std::vector<Points> segments_ = std::vector<Points>(kSegments);
  absl::flat_hash_map<L2No, Member> members_;
  size_t nodes_ = 0;
};

}  // namespace daphnis::broker

#include "broker/registry/ring.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

/// Arrays of fewer points keep their memory.
constexpr size_t kShrinkPointsMin = 16;

/// The point of an L2's virtual node. The points of one L2 differ, since mix64() is a bijection;
/// two L2s may have an equal one.
uint64_t point_of(uint64_t id_hash, size_t node) {
  return mix64(id_hash + 0x9e3779b97f4a7c15 * (node + 1));
}

}  // namespace

size_t ring_nodes(double weight) {
  check(weight >= kL2WeightMin && weight <= kL2WeightMax, "a weight is out of its bounds");
  return static_cast<size_t>(weight * limits::kRingNodesPerL2 + 0.5);
}

void Ring::add(std::string_view id, L2No l2, double weight) {
  const auto [found, is_new] = members_.try_emplace(l2, Member{.id = std::string(id), .nodes = 0});
  check(is_new, "an L2 came to the ring twice");
  resize(found->second, l2, ring_nodes(weight));
}

void Ring::remove(std::string_view id, L2No l2) {
  const auto found = members_.find(l2);
  check(found != members_.end() && found->second.id == id, "an L2 left a ring that had it not");
  resize(found->second, l2, 0);
  members_.erase(found);
}

void Ring::set_weight(std::string_view id, L2No l2, double weight) {
  const auto found = members_.find(l2);
  check(found != members_.end() && found->second.id == id,
        "an L2 to be weighed is not on the ring");
  resize(found->second, l2, ring_nodes(weight));
}

void Ring::resize(Member& member, L2No l2, size_t nodes) {
  const uint64_t id_hash = hash64(as_bytes(member.id));
  for (; member.nodes < nodes; ++member.nodes, ++nodes_) {
    insert(point_of(id_hash, member.nodes), member.id, l2);
  }
  for (; member.nodes > nodes; --member.nodes, --nodes_) {
    erase(point_of(id_hash, member.nodes - 1), l2);
  }
}

size_t Ring::place_of(const Points& points, uint64_t key) {
  // The bits of the key below those of its segment say, as a part of 2^32, where in the array it
  // is, if the points are spread evenly. The steps from there are doubled, so that few are made
  // even where somebody chose ids for their points.
  const uint64_t part = (key << kSegmentBits) >> 32;
  size_t begin = static_cast<size_t>((part * points.size()) >> 32);
  size_t end = begin;
  const auto is_before_key = [key](const Point& point) { return point.at < key; };
  if (begin < points.size() && is_before_key(points[begin])) {
    for (size_t step = 1; end < points.size() && is_before_key(points[end]); step *= 2) {
      begin = end + 1;
      end += step;
    }
    end = std::min(end, points.size());
  } else {
    for (size_t step = 1; begin > 0 && !is_before_key(points[begin - 1]); step *= 2) {
      end = begin - 1;
      begin = end - std::min(end, step);
    }
  }
  const auto first = points.begin();
  const auto found = std::partition_point(first + static_cast<ptrdiff_t>(begin),
                                          first + static_cast<ptrdiff_t>(end), is_before_key);
  return static_cast<size_t>(found - first);
}

void Ring::insert(uint64_t point, std::string_view id, L2No l2) {
  Points& points = segments_[segment_of(point)];
  size_t at = place_of(points, point);
  while (at < points.size() && points[at].at == point && members_.at(points[at].l2).id < id) ++at;
  points.insert(points.begin() + static_cast<ptrdiff_t>(at), {.at = point, .l2 = l2});
}

void Ring::erase(uint64_t point, L2No l2) {
  Points& points = segments_[segment_of(point)];
  size_t at = place_of(points, point);
  while (at < points.size() && points[at].at == point && points[at].l2 != l2) ++at;
  check(at < points.size() && points[at].at == point, "a point of an L2 is not on the ring");
  points.erase(points.begin() + static_cast<ptrdiff_t>(at));
  if (points.capacity() < kShrinkPointsMin || points.size() > points.capacity() / 4) return;
  Points smaller;
  smaller.reserve(points.capacity() / 2);
  smaller.assign(points.begin(), points.end());
  points = std::move(smaller);
}

}  // namespace daphnis::broker

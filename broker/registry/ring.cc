#include "broker/registry/ring.h"

#include "common/base/check.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

/// The point of an L2's virtual node. Where two L2s ever have the same, the first keeps it.
uint64_t point_of(uint64_t id_hash, size_t node) {
  return mix64(id_hash + 0x9e3779b97f4a7c15 * (node + 1));
}

}  // namespace

void Ring::add(std::string_view id, L2No l2) {
  const uint64_t id_hash = hash64(as_bytes(id));
  for (size_t node = 0; node < limits::kRingNodesPerL2; ++node) {
    points_.emplace(point_of(id_hash, node), l2);
  }
  ++size_;
}

void Ring::remove(std::string_view id, L2No l2) {
  const uint64_t id_hash = hash64(as_bytes(id));
  for (size_t node = 0; node < limits::kRingNodesPerL2; ++node) {
    const auto found = points_.find(point_of(id_hash, node));
    if (found != points_.end() && found->second == l2) points_.erase(found);
  }
  check(size_ > 0, "an L2 left a ring that had none");
  --size_;
}

}  // namespace daphnis::broker

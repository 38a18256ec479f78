#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "broker/registry/l2.h"
#include "broker/registry/remembered_ids.h"

namespace daphnis::broker {

/// An L2 that comes back within this time is not new.
inline constexpr uint64_t kL2ReturnMs = 60'000;
inline constexpr size_t kLeftL2sMax = 65'536;  ///< L2s that left within kL2ReturnMs.
/// L2s that are not registered and to which the operator gave a weight.
inline constexpr size_t kWeightsKeptMax = 65'536;

/// What is kept of L2s that left, by id: the weight that the operator gave them, and for
/// kL2ReturnMs how long they had been there. Beyond either bound the L2 that left first is
/// forgotten. Owned by the Registry.
class LeftL2s {
 public:
  /// The L2 leaves.
  void keep(const L2& l2, uint64_t now_ms) {
    stays_.forget_before(now_ms - std::min(now_ms, kL2ReturnMs));
    stays_.put(l2.id(), l2.new_since_ms, now_ms);
    if (l2.weight != 1) weights_.put(l2.id(), l2.weight, now_ms);
  }
  /// The L2 comes, and gets what is kept of it.
  void give_back(L2& l2, uint64_t now_ms) {
    stays_.forget_before(now_ms - std::min(now_ms, kL2ReturnMs));
    l2.new_since_ms = stays_.take(l2.id()).value_or(now_ms);
    l2.weight = weights_.take(l2.id()).value_or(1);
  }

 private:
  RememberedIds<uint64_t> stays_{kLeftL2sMax};  ///< L2::new_since_ms
  RememberedIds<double> weights_{kWeightsKeptMax};
};

}  // namespace daphnis::broker

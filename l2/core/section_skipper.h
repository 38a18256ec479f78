#pragma once

#include <cstdint>

#include "common/base/slice.h"
#include "common/ipld/car.h"

namespace daphnis::l2 {

/// Leaves out the first `skip` sections of a delivery (an order's `skip`) and keeps its header.
/// Owned by a delivery.
class SectionSkipper {
 public:
  explicit SectionSkipper(uint64_t skip) : left_(skip), is_passing_(skip == 0) {}

  /// Takes the next slices of a sound CAR and appends those that are kept to `out`.
  void pass(const Slices& in, Slices& out);

 private:
  CarReader reader_;
  uint64_t left_;
  bool is_passing_;
  bool is_in_header_ = true;
};

}  // namespace daphnis::l2

#pragma once

#include <span>

#include "common/base/slice.h"

namespace daphnis {

/// The body of the block being read, held in slices until it is proven. A body in more than
/// kBlockSlicesMax pieces is copied together, so that many small reads do not pin many buffers.
/// Holds at most one block. Owned by a Verifier.
class HeldBlock {
 public:
  void clear();
  void add(Slice part);
  [[nodiscard]] std::span<const Slice> slices() const { return slices_; }

 private:
  void gather(Bytes part);

  Slices slices_;
  BufferRef gathered_;  // once set, slices_ is one slice of it and further parts are copied in
};

}  // namespace daphnis

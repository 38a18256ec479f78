#pragma once

#include <memory>
#include <optional>

#include "common/proof/producer.h"
#include "common/request/not_found.h"
#include "l2/core/order.h"
#include "l2/core/section_skipper.h"
#include "l2/disk/store.h"

namespace daphnis::l2 {

/// The CAR that answers an order, made from the store turn by turn. It fails only where a block is
/// not held: what else there is against the order (no such path, an unknown codec, a budget) is for
/// the L1 to find in the blocks, since what an L2 says of it proves nothing. next() blocks and
/// belongs in a thread pool, one call at a time. Owned by an upload, and by the turn under way.
class Delivery {
 public:
  struct Turn {
    Slices slices = {};  ///< Nothing else refers to their buffers, so that they may change thread.
    bool is_last = false;
    std::optional<Error> failure = {};        ///< What is in `slices` is void then.
    NotFound lacks = NotFound::kUnspecified;  ///< With `failure`.
  };

  Delivery(Store& store, const Order& order);

  /// The next `bytes` bytes or somewhat more (a block); all that is left in the last turn.
  [[nodiscard]] Turn next(size_t bytes);

 private:
  class Blocks final : public BlockSource {
   public:
    explicit Blocks(Store& store) : store_(store) {}
    Read read(const Cid& cid, Slices& into) override;

   private:
    Store& store_;
  };

  Blocks blocks_;
  Producer producer_;
  SectionSkipper skipper_;
  Cid root_;
  bool is_understood_;
};

}  // namespace daphnis::l2

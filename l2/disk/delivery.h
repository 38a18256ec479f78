#pragma once

#include <memory>
#include <optional>

#include "common/proof/producer.h"
#include "common/request/not_found.h"
#include "l2/core/order.h"
#include "l2/disk/store.h"

namespace daphnis::l2 {

/// The CAR that an order asks for, made from the store turn by turn. It fails only where a block is
/// not held, or where the walk goes on otherwise behind the skipped blocks. Any other fault of the
/// order (no such path, an unknown codec, a budget) the L1 finds itself in the delivered blocks,
/// since an L2's word proves nothing. next() blocks and belongs in a thread pool, one call at a
/// time. Owned by an upload, and by the turn under way.
class Delivery {
 public:
  struct Turn {
    Slices slices = {};  ///< No other slice has their buffers, so that they may change thread.
    bool is_last = false;
    std::optional<Error> failure = {};        ///< Where set, `slices` must not be used.
    NotFound lacks = NotFound::kUnspecified;  ///< What is missing, with `failure`.
  };

  Delivery(Store& store, const Order& order);

  /// Makes the next `bytes` bytes, or up to a block more; the last turn makes the rest.
  [[nodiscard]] Turn next(size_t bytes);

 private:
  class Blocks final : public BlockSource {
   public:
    explicit Blocks(Store& store) : store_(store) {}
    Read read(const Cid& cid, Slices& into) override;

   private:
    Store& store_;
  };

  [[nodiscard]] NotFound lacks() const;

  Blocks blocks_;
  Producer producer_;
  Cid root_;
  bool is_understood_;
};

}  // namespace daphnis::l2

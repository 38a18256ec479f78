#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/proof/car_output.h"
#include "common/proof/walk.h"
#include "common/proof/walk_budget.h"
#include "common/request/car_request.h"

namespace daphnis {

/// Where a Producer's blocks come from. Owned by whoever owns the store.
class BlockSource {
 public:
  enum class Read : uint8_t {
    kOk,       ///< The whole block was appended.
    kLater,    ///< It is being fetched; ask again when it is here.
    kMissing,  ///< It is not held, or cannot be read.
  };
  virtual ~BlockSource() = default;
  /// Appends to `into`, which is empty, the bytes of the block that `cid` names (v0 and v1 twins
  /// name the same), owned slices of at most kBlockBytesMax in all. They are not hashed here.
  virtual Read read(const Cid& cid, Slices& into) = 0;
};

/// Makes the answer to a request out of a store of blocks: the walk of Verifier, turned round, so
/// the two agree byte for byte. Sans-I/O and in steps: each call adds about as much as the caller
/// can use, so back-pressure is not to call. Owned by one answer.
class Producer {
 public:
  enum class State : uint8_t {
    kMore,      ///< Call again when there is room.
    kWaiting,   ///< The source said kLater for wanted().
    kComplete,  ///< The whole answer is out.
    kFailed,    ///< failure() says why; what is out is a cut answer.
  };

  /// Where the walk finds that the request cannot be answered (no such path, a codec or hash that
  /// is not known, a block that does not decode, a budget).
  enum class OnRefusal : uint8_t {
    kFails,   ///< kFailed: the caller answers for it.
    kProves,  ///< The blocks up to there go out, the one that decides last, and the answer is
              ///< complete with them: whoever walks them finds the same.
  };

  explicit Producer(const CarRequest& request, const WalkBudget& budget = {},
                    OnRefusal on_refusal = OnRefusal::kFails);

  /// Appends the next part of the answer to `out`: whole sections, until `bytes_wanted` (at least
  /// 1) are reached or passed by less than a section, or the answer ends.
  State produce(BlockSource& source, size_t bytes_wanted, Slices& out);

  [[nodiscard]] State state() const { return state_; }
  /// The block asked for last. Valid in kWaiting, and in kFailed where it is missing.
  [[nodiscard]] const Cid& wanted() const { return walk_.next(); }
  /// Valid in kFailed. With output_bytes() == 0: kNotFound (no such root or path), else kTruncated
  /// (a block is missing); and what Walk::failure() lists. With kProves nothing but these two and
  /// kTooLarge (output_bytes_max).
  [[nodiscard]] const Error& failure() const { return failure_; }
  [[nodiscard]] uint64_t output_bytes() const { return output_.bytes(); }

 private:
  State fail_with(Error error);
  State put_next(BlockSource& source, CarOutput::Sink& sink);
  State conclude(CarOutput::Sink& sink);
  /// Why what the walk came to must not be answered, where that is to be told.
  [[nodiscard]] std::optional<Error> refusal() const;

  Walk walk_;
  CarOutput output_;
  OnRefusal on_refusal_;
  State state_ = State::kMore;
  Error failure_;
  Slices block_;
};

}  // namespace daphnis

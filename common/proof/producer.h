#pragma once

#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/proof/car_output.h"
#include "common/proof/walk.h"
#include "common/proof/walk_budget.h"
#include "common/request/car_request.h"

namespace daphnis {

/// Reads blocks for a Producer. Owned by the owner of the store.
class BlockSource {
 public:
  enum class Read : uint8_t {
    kOk,       ///< The whole block was appended.
    kLater,    ///< The block is being read; ask again once it is here.
    kMissing,  ///< The block is not held, or cannot be read.
  };
  virtual ~BlockSource() = default;
  /// Appends the bytes of the block that `cid` names (v0 and v1 twins name the same) to `into`,
  /// which is empty: slices that own their buffers, at most kBlockBytesMax bytes in all. The bytes
  /// are not hashed here.
  virtual Read read(const Cid& cid, Slices& into) = 0;
};

/// What a Producer leaves out: the first blocks of the walk, which the output's reader has already.
struct Skip {
  uint64_t blocks = 0;           ///< Visits of the walk, as Walk::visits() counts them.
  std::optional<Cid> next = {};  ///< The block that the reader takes to be due behind them.
};

/// Makes the output of a request from a store of blocks. It follows the same walk as Verifier, so
/// the two agree byte for byte. Sans-I/O and in steps: each call adds about as much as the caller
/// can use, so a caller that cannot take more just does not call. Owned by one answer or delivery.
class Producer {
 public:
  enum class State : uint8_t {
    kMore,      ///< Call again when there is space for more.
    kWaiting,   ///< The source said kLater for wanted().
    kComplete,  ///< The whole output is out.
    kFailed,    ///< failure() says why; the output is cut here.
  };

  /// What to do where the walk finds that the request cannot be met (no such path, a codec or hash
  /// that is not known, a block that does not decode, a budget).
  enum class OnRefusal : uint8_t {
    kFails,   ///< Become kFailed: the caller reports the error.
    kProves,  ///< Put out the blocks up to and including the one that shows it, and become
              ///< kComplete: a verifier that walks them finds the same error.
  };

  /// With a `skip` the output is its header, as always, and the sections behind the skipped ones.
  /// All blocks are skipped by the first call of produce(), which stops for kWaiting alone. Raw
  /// leaves are not read for it, and so need not be held.
  explicit Producer(const CarRequest& request, const WalkBudget& budget = {},
                    OnRefusal on_refusal = OnRefusal::kFails, Skip skip = {});

  /// Appends the next part of the output to `out`: whole sections, until `bytes_wanted` (at least
  /// 1) are reached or passed by less than a section, or the output ends.
  State produce(BlockSource& source, size_t bytes_wanted, Slices& out);

  [[nodiscard]] State state() const { return state_; }
  /// The block that the source was asked for last. Valid in kWaiting, and in kFailed where
  /// is_missing_block().
  [[nodiscard]] const Cid& wanted() const { return walk_.next(); }
  /// Valid in kFailed: true where the source lacks wanted().
  [[nodiscard]] bool is_missing_block() const { return is_missing_block_; }
  /// Why the block due may not be served, where that has made it kFailed.
  [[nodiscard]] const std::optional<Denial>& denial() const { return walk_.denial(); }
  /// Valid in kFailed: kNotFound (while output_bytes() == 0: no such root or path, a block is
  /// missing, or the walk is over behind the skipped blocks or another block than Skip::next is
  /// due), kTruncated (a block is missing later on), and the errors of Walk::failure(). With
  /// kProves only the first two and kTooLarge (output_bytes_max).
  [[nodiscard]] const Error& failure() const { return failure_; }
  [[nodiscard]] uint64_t output_bytes() const { return output_.bytes(); }

 private:
  State fail_with(Error error);
  State skip_next(BlockSource& source);
  /// Reads the wanted block into block_; kMore where it is there.
  State read(BlockSource& source);
  State put_next(BlockSource& source, CarOutput::Sink& sink);
  State conclude(CarOutput::Sink& sink);
  /// Why the walk's result is refused; nullopt where it is not, and always with kProves.
  [[nodiscard]] std::optional<Error> refusal() const;

  Walk walk_;
  CarOutput output_;
  OnRefusal on_refusal_;
  Skip skip_;
  bool is_skipping_;
  bool is_missing_block_ = false;
  State state_ = State::kMore;
  Error failure_;
  Slices block_;
};

}  // namespace daphnis

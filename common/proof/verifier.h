#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/proof/walk_budget.h"
#include "common/request/car_request.h"
#include "common/request/stream_shape.h"

namespace daphnis {

/// Streaming proof of a CAR from an untrusted L2 against the request (DESIGN 5): the walk says
/// which CID must come next, a section's CID is compared before its body is read, the body is
/// hashed as it arrives and held until proven, and only then becomes output. Output is our own
/// CARv1 header, then sections with the link's CID (format kRaw: the block's bytes alone);
/// byte-stable per request. Holds one block until it is proven. Keeps up to repeat_bytes_max of
/// proven blocks only where they may be needed again: for dups=y, or where a whole DAG is sent for
/// a narrower request. Owned by one stream of one attempt; sans-I/O.
class Verifier {
 public:
  enum class State {
    kMore,      ///< Wants more bytes.
    kComplete,  ///< The walk is done: everything the request covers has been put out.
    kFailed,    ///< failure() says why; nothing after the last proven block was put out.
  };

  Verifier(const CarRequest& request, StreamShape shape, const WalkBudget& budget = {});
  ~Verifier();
  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;

  /// Takes the next bytes of the stream and appends what they prove to `out` (slices of the input
  /// where that saves a copy). Once kComplete or kFailed, further bytes change nothing but
  /// surplus_bytes(). An output without blocks (the root is an identity CID) is complete at the
  /// first call, whatever bytes come.
  State on_bytes(const Slice& input, Slices& out);

  /// The stream ended. kFailed (kTruncated) unless the walk was or thereby is complete.
  State on_end(Slices& out);

  /// True where repeats (dups=y) wait to be put out: each call, on_end() included, stops after
  /// about kRepeatSlicesPerCall slices of them and returns kMore. Call resume() once `out` has been
  /// used up, until this is false; more bytes may be given in between.
  [[nodiscard]] bool has_more_output() const;
  State resume(Slices& out);

  [[nodiscard]] State state() const;
  /// Valid in kFailed: kMalformed, kTruncated, kTooLarge, kUnsupported, kHashMismatch, kUnexpected;
  /// kNotFound where the request's path does not exist below the root and nothing was put out yet.
  [[nodiscard]] const Error& failure() const;
  /// Valid in kFailed: true where proven bytes are at fault (they do not decode, their path is
  /// missing, a budget is passed), so that every honest L2 would fail the same way.
  [[nodiscard]] bool is_content_fault() const;

  [[nodiscard]] uint64_t blocks_proven() const;  ///< Blocks of the stream whose digest held.
  [[nodiscard]] uint64_t output_bytes() const;   ///< Bytes put out so far.
  /// Bytes offered after the end of the walk. They are no fault where a whole DAG is sent for a
  /// narrower request.
  [[nodiscard]] uint64_t surplus_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daphnis

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/proof/proof_position.h"
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
  /// Goes on from where the proof of the same request has come, with another stream: of shape
  /// kExact, a CAR header first as always, and then the section of the block due and all behind it.
  /// The output goes on byte for byte as that of one verifier, without a second header of ours. A
  /// stream of a dups=y request may omit repeats of blocks that earlier streams brought.
  Verifier(ProofPosition from, const CarRequest& request, const WalkBudget& budget = {});
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
  /// Valid in kFailed: why the block due may not be served, where that is the fault.
  [[nodiscard]] const std::optional<Denial>& denial() const;
  /// Where the walk is over and its last block proves that the request's path does not exist: the
  /// number of the path's segments that lead to that block.
  [[nodiscard]] std::optional<size_t> missing_after() const;
  /// Valid in kFailed: true where the verifier went on from a position, and the stream's first
  /// section is not the block due. That alone is no lie: the source may have another place in mind.
  [[nodiscard]] bool is_elsewhere() const;

  /// Where the proof has come to: a copy, for another verifier to go on from. Valid in kMore, and
  /// in kFailed where the fault is not the content's; a failed verifier holds what it takes until
  /// it is destroyed. nullopt where nothing was put out yet, or no more blocks are due.
  [[nodiscard]] std::optional<ProofPosition> position() const;

  /// Takes the keys of what the block links to that the request names, where it is for one block
  /// alone and that block has been put out (keys_of_links()); else empty. They are given once.
  [[nodiscard]] std::vector<uint64_t> take_links();
  [[nodiscard]] uint64_t blocks_proven() const;  ///< Blocks of the stream whose digest held.
  /// Bytes of the output so far, with those up to the position that it went on from.
  [[nodiscard]] uint64_t output_bytes() const;
  /// Bytes offered after the end of the walk. They are no fault where a whole DAG is sent for a
  /// narrower request.
  [[nodiscard]] uint64_t surplus_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace daphnis

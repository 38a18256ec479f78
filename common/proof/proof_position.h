#pragma once

#include <cstdint>
#include <memory>

#include "common/ipld/cid.h"

namespace daphnis {

/// How far the proof of a request's output has come, apart from the stream that brought it: the
/// walk, the count of the output, and the proven blocks that a dups=y output may repeat. Another
/// Verifier goes on from there with the stream of another source. Made by Verifier::position(); it
/// shares nothing with that verifier but the buffers of the blocks. Its bounds are those of the
/// verifier's budget; a copy takes as much memory again. A position that was moved from may only be
/// assigned to or destroyed.
class ProofPosition {
 public:
  struct Parts;  ///< For Verifier alone.
  explicit ProofPosition(Parts parts);
  ~ProofPosition();
  ProofPosition(const ProofPosition& other);
  ProofPosition& operator=(const ProofPosition& other);
  ProofPosition(ProofPosition&&) noexcept;
  ProofPosition& operator=(ProofPosition&&) noexcept;

  /// Blocks of the walk that have been put out, at least 1: each occurrence with dups=y, and no
  /// identity CIDs. The order's `skip`.
  [[nodiscard]] uint64_t visits() const;
  /// The CID of the block that is due, as its link spells it. The order's `next`.
  [[nodiscard]] const Cid& next() const;
  /// Bytes of the output up to there, our CAR header included.
  [[nodiscard]] uint64_t output_bytes() const;

 private:
  friend class Verifier;
  std::unique_ptr<Parts> parts_;
};

}  // namespace daphnis

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "common/base/slice.h"
#include "common/cachefile/cache_file.h"
#include "common/ipld/car.h"
#include "common/ipld/hashes.h"
#include "common/proof/verifier.h"

namespace daphnis::broker {

/// Proves a cached file anew, as strictly as when it was fetched: its name is its request's key,
/// its trailer's digest holds, its body is, byte for byte, the answer to that request (each block
/// has its CID's hash and the walk wants it), its sums, if it keeps any, are that body's, and every
/// listed block lies where the list says.
/// Sans-I/O; holds what the verifier holds and some MiB. Owned by the scrub of one file.
class CachedFileProof {
 public:
  /// From the whole trailer. Errors: what read_cache_trailer gives, kUnexpected (another key).
  [[nodiscard]] static Result<CachedFileProof> begin(Bytes trailer, const CacheFooter& footer,
                                                     const RequestKey& key);

  /// Takes the next bytes of the body. Errors: the body is not what it must be; then stop.
  [[nodiscard]] Result<void> on_body(const Slice& bytes);
  /// The body has been given whole.
  [[nodiscard]] Result<void> on_end();

 private:
  explicit CachedFileProof(CacheTrailer trailer, uint64_t body_bytes);

  [[nodiscard]] Result<void> on_body_end();
  [[nodiscard]] Result<void> on_car(const Slice& bytes);
  /// Each section against the list.
  [[nodiscard]] Result<void> check_list(Bytes bytes);
  /// What the verifier put out must be what came in.
  [[nodiscard]] Result<void> compare(const Slices& output);

  CarRequest request_;
  uint64_t body_bytes_;
  std::vector<CachedBlock> blocks_;
  std::optional<PieceSums> sums_;
  PieceSummer summer_;
  size_t blocks_seen_ = 0;
  uint64_t position_ = 0;  ///< Of the reader in the body.
  CarReader reader_;
  std::unique_ptr<Verifier> verifier_;  ///< For CARs.
  std::deque<Slice> unproven_;          ///< Came in and was not yet put out.
  Hasher hasher_;                       ///< For a raw block.
};

}  // namespace daphnis::broker

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
/// its trailer's digest holds, its body is byte for byte the answer to that request (the walk wants
/// each block, and the block has its CID's hash), its sums, where it has any, are those of that
/// body, and each listed block is where the list says. Sans-I/O; holds the verifier's memory and
/// some MiB. Owned by the FolderScrub, for one file.
class CachedFileProof {
 public:
  /// Begins with the file's whole trailer. Errors: those of read_cache_trailer, kUnexpected (the
  /// request has another key).
  [[nodiscard]] static Result<CachedFileProof> begin(Bytes trailer, const CacheFooter& footer,
                                                     const RequestKey& key);

  /// Takes the next bytes of the body. After an error the file is bad and takes no more.
  [[nodiscard]] Result<void> on_body(const Slice& bytes);
  /// Ends the proof: the whole body was given.
  [[nodiscard]] Result<void> on_end();

 private:
  explicit CachedFileProof(CacheTrailer trailer, uint64_t body_bytes);

  [[nodiscard]] Result<void> on_body_end();
  [[nodiscard]] Result<void> on_car(const Slice& bytes);
  /// Compares each section of the body with the list of blocks.
  [[nodiscard]] Result<void> check_list(Bytes bytes);
  /// Compares the verifier's output with the body.
  [[nodiscard]] Result<void> compare(const Slices& output);

  CarRequest request_;
  uint64_t body_bytes_;
  std::vector<CachedBlock> blocks_;
  std::optional<PieceSums> sums_;
  PieceSummer summer_;
  size_t blocks_seen_ = 0;
  uint64_t position_ = 0;  ///< The reader's offset in the body.
  CarReader reader_;
  std::unique_ptr<Verifier> verifier_;  ///< Null for a raw block.
  std::deque<Slice> unproven_;  ///< Bytes of the body that the verifier has not put out yet.
  Hasher hasher_;               ///< Of a raw block.
};

}  // namespace daphnis::broker

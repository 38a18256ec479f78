#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/base/slice.h"

/// Checksums of a cached file's body (cache_file.h), by which any part of it can be checked without
/// the rest: CRC-32C (RFC 3720 appendix B.4, the Castagnoli polynomial) of each piece of
/// kCachePieceBytes, of which the last may be shorter. The sums detect decay of the disk, not
/// forgery: the body was proven by its blocks' hashes before it was written.
namespace daphnis {

inline constexpr size_t kCachePieceBytes = 256 * limits::kKiB;

[[nodiscard]] uint32_t crc32c(Bytes bytes);

/// How many pieces a body has.
[[nodiscard]] constexpr uint64_t pieces_of(uint64_t body_bytes) {
  return (body_bytes + kCachePieceBytes - 1) / kCachePieceBytes;
}

/// Bytes that the sums of a body take in its file: a u32 for each piece, and one over all of those.
[[nodiscard]] constexpr uint64_t piece_sums_bytes(uint64_t body_bytes) {
  return (pieces_of(body_bytes) + 1) * sizeof(uint32_t);
}

/// Computes the sums of a body while it is written. Holds a 65536th of the body's size.
class PieceSummer {
 public:
  /// The next bytes of the body.
  void add(Bytes bytes);
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  /// The sums as they stand in a file: piece_sums_bytes(bytes()) bytes.
  [[nodiscard]] std::vector<uint8_t> finish() &&;

 private:
  std::vector<uint32_t> sums_;  ///< Of the pieces that are whole.
  uint32_t state_ = 0xffffffff;
  uint64_t bytes_ = 0;
};

/// The sums of an open file, to check parts of its body with. Owned by that file's entry.
class PieceSums {
 public:
  PieceSums() = default;
  [[nodiscard]] bool operator==(const PieceSums&) const = default;
  /// Reads the sums' bytes from a file. Errors: kMalformed (not as many as the body needs),
  /// kHashMismatch (the sum over the sums does not hold).
  [[nodiscard]] static Result<PieceSums> read(Bytes sums, uint64_t body_bytes);

  /// Part of the body that consists of whole pieces.
  struct Span {
    uint64_t offset = 0;
    size_t size = 0;
  };
  /// The whole pieces around `size` bytes (at least 1) at `offset`, all of which lie in the body.
  [[nodiscard]] Span around(uint64_t offset, uint64_t size) const;
  /// True where `bytes`, read at a place that around() gave, are those that were written.
  [[nodiscard]] bool hold(uint64_t offset, Bytes bytes) const;

 private:
  std::vector<uint32_t> sums_;
  uint64_t body_bytes_ = 0;
};

}  // namespace daphnis

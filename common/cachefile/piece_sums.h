#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/base/slice.h"

/// Checksums of a cached file's body (cache_file.h), by which any part of it can be checked without
/// the rest: CRC-32C (RFC 3720 appendix B.4, the Castagnoli polynomial) of each piece of
/// kCachePieceBytes, of which the last may be shorter. They tell rot, not forgery: every answer was
/// proven by its hashes before it was written.
namespace daphnis {

inline constexpr size_t kCachePieceBytes = 256 * limits::kKiB;

/// CRC-32C of the bytes.
[[nodiscard]] uint32_t crc32c(Bytes bytes);

/// How many pieces a body has.
[[nodiscard]] constexpr uint64_t pieces_of(uint64_t body_bytes) {
  return (body_bytes + kCachePieceBytes - 1) / kCachePieceBytes;
}

/// How long the sums of such a body are in a file: a u32 for each piece, and one over those.
[[nodiscard]] constexpr uint64_t piece_sums_bytes(uint64_t body_bytes) {
  return (pieces_of(body_bytes) + 1) * sizeof(uint32_t);
}

/// Sums a body while it is written. Holds a 65536th of its size.
class PieceSummer {
 public:
  /// The next bytes of the body.
  void add(Bytes bytes);
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  /// The sums as a file holds them, of piece_sums_bytes(bytes()).
  [[nodiscard]] std::vector<uint8_t> finish() &&;

 private:
  std::vector<uint32_t> sums_;  ///< Of the pieces that are whole.
  uint32_t state_ = 0xffffffff;
  uint64_t bytes_ = 0;
};

/// The sums of an open file, to check parts of its body. Owned by the file.
class PieceSums {
 public:
  PieceSums() = default;
  [[nodiscard]] bool operator==(const PieceSums&) const = default;
  /// From a file. Errors: kMalformed (not as long as the body needs), kHashMismatch (their own sum
  /// does not hold).
  [[nodiscard]] static Result<PieceSums> read(Bytes sums, uint64_t body_bytes);

  /// Part of the body that consists of whole pieces.
  struct Span {
    uint64_t offset = 0;
    size_t size = 0;
  };
  /// The pieces that hold any of these bytes, which must lie in the body and not be none.
  [[nodiscard]] Span around(uint64_t offset, uint64_t size) const;
  /// Whether these bytes, which around() gave the place of, are what was written.
  [[nodiscard]] bool hold(uint64_t offset, Bytes bytes) const;

 private:
  std::vector<uint32_t> sums_;
  uint64_t body_bytes_ = 0;
};

}  // namespace daphnis

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/base/slice.h"

namespace daphnis {

/// Codes of https://github.com/multiformats/multicodec that we read.
namespace codec {
inline constexpr uint64_t kRaw = 0x55;
inline constexpr uint64_t kDagPb = 0x70;
inline constexpr uint64_t kDagCbor = 0x71;
inline constexpr uint64_t kDagJson = 0x0129;
}  // namespace codec

/// A content identifier (https://github.com/multiformats/cid), version 0 or 1, held by value as its
/// binary form. Always valid: digests have kDigestBytesMin..kDigestBytesMax bytes (identity:
/// 0..128), varints are minimal. Whether the hash is one we can compute is asked of hashes.h.
class Cid {
 public:
  /// bafkqaaa: version 1, raw, identity hash of nothing.
  Cid() = default;

  /// Reads text: base58btc of 34 bytes ("Qm…", version 0), or any multibase with version 1, in
  /// either case where the base allows it. Errors: kMalformed, kTooLarge, kUnsupported (a version
  /// above 1).
  [[nodiscard]] static Result<Cid> from_text(std::string_view text);

  /// Reads a CID of exactly these bytes. Errors: as from_text.
  [[nodiscard]] static Result<Cid> from_bytes(Bytes bytes);

  struct Prefix;
  /// The CID that `bytes` begins with, as in a CAR section. Errors: kTruncated (more bytes could
  /// make it whole), else as from_text. Never allocates; decides from at most kCidBytesMax bytes.
  [[nodiscard]] static std::expected<Prefix, Errc> prefix_of(Bytes bytes);

  /// Version 1 with these parts. Errors: kInvalid where the digest's length is out of bounds.
  [[nodiscard]] static Result<Cid> v1(uint64_t codec, uint64_t hash_code, Bytes digest);

  [[nodiscard]] unsigned version() const { return version_; }
  [[nodiscard]] uint64_t codec() const { return codec_; }
  [[nodiscard]] uint64_t hash_code() const { return hash_code_; }
  [[nodiscard]] bool is_identity() const { return hash_code_ == 0; }
  [[nodiscard]] Bytes bytes() const { return {bytes_.data(), size_}; }
  [[nodiscard]] Bytes digest() const { return bytes().subspan(digest_at_); }
  /// Hash code, digest length and digest, which are the same in v0 and v1 twins.
  [[nodiscard]] Bytes multihash() const { return bytes().subspan(multihash_at_); }

  /// Canonical text: base58btc for version 0, lower-case base32 for version 1.
  [[nodiscard]] std::string text() const;

  /// Same codec and multihash: v0 equals v1 dag-pb (DESIGN 3).
  [[nodiscard]] bool names_same_block(const Cid& other) const;

  /// Equality of the binary forms (v0 and v1 twins differ).
  [[nodiscard]] bool operator==(const Cid& other) const;

 private:
  uint64_t codec_ = codec::kRaw;
  uint64_t hash_code_ = 0;
  uint8_t version_ = 1;
  uint8_t multihash_at_ = 2;
  uint8_t digest_at_ = 4;
  uint8_t size_ = 4;
  std::array<uint8_t, limits::kCidBytesMax> bytes_{1, codec::kRaw, 0, 0};
};

struct Cid::Prefix {
  Cid cid;
  size_t size;  ///< Bytes of the CID.
};

}  // namespace daphnis

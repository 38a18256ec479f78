#include "common/ipld/cid.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

#include "common/base/varint.h"
#include "common/ipld/multibase.h"

namespace daphnis {
namespace {

static_assert(std::is_trivially_copyable_v<Cid>);
static_assert(1 + 2 * kVarintBytesMax + 2 + limits::kDigestBytesMax <= limits::kCidBytesMax);
static_assert(limits::kCidBytesMax <= UINT8_MAX);

constexpr uint64_t kIdentity = 0x00;
constexpr uint64_t kSha2_256 = 0x12;
constexpr size_t kV0Size = 34;      // 0x12 0x20 and a sha2-256 digest
constexpr size_t kV0TextSize = 46;  // every "Qm…" of 34 bytes
constexpr uint8_t kV0First = 0x12;
constexpr uint8_t kV0Second = 0x20;

bool is_too_short(uint64_t hash_code, uint64_t digest_size) {
  return hash_code != kIdentity && digest_size < limits::kDigestBytesMin;
}

std::unexpected<Error> fail_cid(Errc code) {
  switch (code) {
    case Errc::kTooLarge:
      return fail(code, "the CID is longer than any we accept");
    case Errc::kUnsupported:
      return fail(code, "the CID's version or multibase is not supported");
    default:
      return fail(Errc::kMalformed, "not a CID");
  }
}

}  // namespace

std::expected<Cid::Prefix, Errc> Cid::prefix_of(Bytes bytes) {
  if (bytes.empty()) return std::unexpected(Errc::kTruncated);
  if (bytes[0] == kV0First) {
    if (bytes.size() > 1 && bytes[1] != kV0Second) return std::unexpected(Errc::kUnsupported);
    if (bytes.size() < kV0Size) return std::unexpected(Errc::kTruncated);
    Cid cid;
    cid.codec_ = codec::kDagPb;
    cid.hash_code_ = kSha2_256;
    cid.version_ = 0;
    cid.multihash_at_ = 0;
    cid.digest_at_ = 2;
    cid.size_ = kV0Size;
    std::memcpy(cid.bytes_.data(), bytes.data(), kV0Size);
    return Prefix{cid, kV0Size};
  }

  const auto version = read_varint(bytes);
  if (!version) return std::unexpected(version.error());
  if (version->value == 0) return std::unexpected(Errc::kMalformed);
  if (version->value != 1) return std::unexpected(Errc::kUnsupported);
  size_t at = version->size;
  const auto content_codec = read_varint(bytes.subspan(at));
  if (!content_codec) return std::unexpected(content_codec.error());
  at += content_codec->size;
  const size_t multihash_at = at;
  const auto hash = read_varint(bytes.subspan(at));
  if (!hash) return std::unexpected(hash.error());
  at += hash->size;
  const auto digest_size = read_varint(bytes.subspan(at));
  if (!digest_size) return std::unexpected(digest_size.error());
  at += digest_size->size;
  if (digest_size->value > limits::kDigestBytesMax) return std::unexpected(Errc::kTooLarge);
  if (is_too_short(hash->value, digest_size->value)) return std::unexpected(Errc::kMalformed);
  const size_t size = at + static_cast<size_t>(digest_size->value);
  if (bytes.size() < size) return std::unexpected(Errc::kTruncated);

  Cid cid;
  cid.codec_ = content_codec->value;
  cid.hash_code_ = hash->value;
  cid.version_ = 1;
  cid.multihash_at_ = static_cast<uint8_t>(multihash_at);
  cid.digest_at_ = static_cast<uint8_t>(at);
  cid.size_ = static_cast<uint8_t>(size);
  std::memcpy(cid.bytes_.data(), bytes.data(), size);
  return Prefix{cid, size};
}

Result<Cid> Cid::from_bytes(Bytes bytes) {
  const auto prefix = prefix_of(bytes);
  if (!prefix) return fail_cid(prefix.error());
  if (prefix->size != bytes.size()) return fail_cid(Errc::kMalformed);
  return prefix->cid;
}

Result<Cid> Cid::from_text(std::string_view text) {
  if (text.size() > limits::kCidTextMax) return fail_cid(Errc::kTooLarge);
  std::array<uint8_t, limits::kCidBytesMax> bytes;
  if (text.size() == kV0TextSize && text.starts_with("Qm")) {
    const auto size = decode_base58btc(text, bytes);
    if (!size) return fail_cid(size.error());
    return from_bytes({bytes.data(), *size});
  }
  const auto size = decode_multibase(text, bytes);
  if (!size) return fail_cid(size.error());
  // Version 0 has no multibase form, so that it cannot be mistaken for a version 18.
  if (*size > 0 && bytes[0] == kV0First) return fail_cid(Errc::kMalformed);
  return from_bytes({bytes.data(), *size});
}

Result<Cid> Cid::v1(uint64_t codec, uint64_t hash_code, Bytes digest) {
  if (digest.size() > limits::kDigestBytesMax || is_too_short(hash_code, digest.size())) {
    return fail(Errc::kInvalid, "a digest's length is out of bounds");
  }
  if (codec > kVarintMax || hash_code > kVarintMax) {
    return fail(Errc::kInvalid, "a codec or hash code is out of bounds");
  }
  Cid cid;
  cid.codec_ = codec;
  cid.hash_code_ = hash_code;
  cid.version_ = 1;
  uint8_t* const start = cid.bytes_.data();
  uint8_t* at = start;
  at += write_varint(1, at);
  at += write_varint(codec, at);
  cid.multihash_at_ = static_cast<uint8_t>(at - start);
  at += write_varint(hash_code, at);
  at += write_varint(digest.size(), at);
  cid.digest_at_ = static_cast<uint8_t>(at - start);
  at = std::copy(digest.begin(), digest.end(), at);
  cid.size_ = static_cast<uint8_t>(at - start);
  return cid;
}

std::string Cid::text() const {
  return version_ == 0 ? encode_base58btc(bytes()) : encode_multibase_base32(bytes());
}

bool Cid::names_same_block(const Cid& other) const {
  return codec_ == other.codec_ && std::ranges::equal(multihash(), other.multihash());
}

bool Cid::operator==(const Cid& other) const {
  return std::ranges::equal(bytes(), other.bytes());
}

}  // namespace daphnis

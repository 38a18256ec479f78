#pragma once

#include <cstdint>
#include <memory>

#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// Multihash codes we compute (https://github.com/multiformats/multicodec). blake2b and blake2s are
/// ranges: the code of a digest of n bytes is the base plus n.
namespace hash {
inline constexpr uint64_t kIdentity = 0x00;
inline constexpr uint64_t kSha1 = 0x11;  ///< Forgeable: only where it is asked for.
inline constexpr uint64_t kSha2_256 = 0x12;
inline constexpr uint64_t kSha2_512 = 0x13;
inline constexpr uint64_t kSha3_512 = 0x14;
inline constexpr uint64_t kSha3_384 = 0x15;
inline constexpr uint64_t kSha3_256 = 0x16;
inline constexpr uint64_t kSha3_224 = 0x17;
inline constexpr uint64_t kKeccak224 = 0x1a;
inline constexpr uint64_t kKeccak256 = 0x1b;
inline constexpr uint64_t kKeccak384 = 0x1c;
inline constexpr uint64_t kKeccak512 = 0x1d;
inline constexpr uint64_t kBlake3 = 0x1e;
inline constexpr uint64_t kDblSha2_256 = 0x56;
inline constexpr uint64_t kBlake2bBase = 0xb200;  ///< +20..+64: 160 to 512 bits.
inline constexpr uint64_t kBlake2sBase = 0xb240;  ///< +20..+32: 160 to 256 bits.
}  // namespace hash

/// Whether CIDs with sha1 are accepted: two different blocks can be made for one such CID
/// (https://shattered.io). Git and old data have them.
enum class Sha1 : bool { kRefused, kAllowed };

/// True where another block may have this CID too.
[[nodiscard]] inline bool is_forgeable(const Cid& cid) {
  return cid.hash_code() == hash::kSha1;
}

/// Computes one digest after another, of any supported hash, fed slice by slice. Holds one state,
/// which is allocated with the object and reused for each digest. Owned by the reader of the
/// blocks.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  /// True for the codes above but sha1; md5 and other forgeable hashes are not among them at all.
  [[nodiscard]] static bool supports(uint64_t hash_code);

  /// True when supports(code), or the code is sha1's and sha1 is allowed, and the digest is as long
  /// as that hash's. A multihash may hold a truncated digest, but no codec we read makes one, and
  /// each byte cut off makes forging easier. blake3 has any length from kDigestBytesMin to
  /// kDigestBytesMax, identity any length up to the latter.
  [[nodiscard]] static bool can_verify(const Cid& cid, Sha1 sha1 = Sha1::kRefused);

  /// Begins a digest and drops an unfinished one. A code that is none of the above is a bug.
  void reset(uint64_t hash_code);
  void update(Bytes bytes);
  /// Ends the digest: true when `digest` is the hash, in its whole length, of all bytes since
  /// reset(). Call reset() before the next use.
  [[nodiscard]] bool finish_matches(Bytes digest);

  /// True when can_verify(cid, sha1) and `block` has the CID's digest.
  [[nodiscard]] bool matches(const Cid& cid, Bytes block, Sha1 sha1 = Sha1::kRefused);

  /// The CID of version 1 of `block`, for blocks that we make ourselves. The hash must be one of
  /// the above; blake3 gets 32 bytes. Errors: kTooLarge for an identity block beyond
  /// kDigestBytesMax.
  [[nodiscard]] Result<Cid> cid_of(uint64_t codec, uint64_t hash_code, Bytes block);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace daphnis

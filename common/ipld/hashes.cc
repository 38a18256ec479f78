// OpenSSL marks SHA256_Update() and its kin deprecated since 3.0, but they are all of libcrypto 3,
// and the EVP calls cost 90 ns more per digest: 3 % of a 4 KiB block.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/ipld/hashes.h"

#include <blake2.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <variant>

#include "common/base/check.h"
#include "common/hash/blake3.h"
#include "common/hash/keccak.h"

namespace daphnis {
namespace {

constexpr size_t kAnySize = 0;
constexpr size_t kNoDigest = limits::kDigestBytesMax + 1;  // a size that no digest has
using DigestSpace = std::span<uint8_t, limits::kDigestBytesMax>;

bool is_blake2b(uint64_t code) {
  return code >= hash::kBlake2bBase + limits::kDigestBytesMin &&
         code <= hash::kBlake2bBase + BLAKE2B_OUTBYTES;
}

bool is_blake2s(uint64_t code) {
  return code >= hash::kBlake2sBase + limits::kDigestBytesMin &&
         code <= hash::kBlake2sBase + BLAKE2S_OUTBYTES;
}

// The size of the digest in bytes, kAnySize where the multihash decides it; nullopt for a code that
// is not computed here.
std::optional<size_t> size_of(uint64_t code) {
  switch (code) {
    case hash::kIdentity:
    case hash::kBlake3:
      return kAnySize;
    case hash::kSha1:
      return SHA_DIGEST_LENGTH;
    case hash::kSha3_224:
    case hash::kKeccak224:
      return 28;
    case hash::kSha2_256:
    case hash::kDblSha2_256:
    case hash::kSha3_256:
    case hash::kKeccak256:
      return 32;
    case hash::kSha3_384:
    case hash::kKeccak384:
      return 48;
    case hash::kSha2_512:
    case hash::kSha3_512:
    case hash::kKeccak512:
      return 64;
    default:
      break;
  }
  if (is_blake2b(code)) return code - hash::kBlake2bBase;
  if (is_blake2s(code)) return code - hash::kBlake2sBase;
  return std::nullopt;
}

const EVP_MD* fetched(const char* name) {
  const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  check(algorithm != nullptr, "libcrypto lacks a hash it should have");
  return algorithm;
}

// Fetching takes a lock and allocates, so it is done once per process.
const EVP_MD* openssl_algorithm(uint64_t code) {
  static const EVP_MD* const sha1 = fetched("SHA1");
  static const EVP_MD* const sha2_512 = fetched("SHA512");
  static const EVP_MD* const sha3_224 = fetched("SHA3-224");
  static const EVP_MD* const sha3_256 = fetched("SHA3-256");
  static const EVP_MD* const sha3_384 = fetched("SHA3-384");
  static const EVP_MD* const sha3_512 = fetched("SHA3-512");
  switch (code) {
    case hash::kSha1:
      return sha1;
    case hash::kSha2_512:
      return sha2_512;
    case hash::kSha3_224:
      return sha3_224;
    case hash::kSha3_256:
      return sha3_256;
    case hash::kSha3_384:
      return sha3_384;
    case hash::kSha3_512:
      return sha3_512;
    default:
      abort_on_bug("not a hash for OpenSSL's EVP");
  }
}

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

// The engines. Each computes one digest: it is constructed, updated, and finished once. finish()
// writes the digest (its first `wanted` bytes, where it has any length) and returns its size.

class Identity {
 public:
  void update(Bytes bytes) {
    fits_ = fits_ && bytes.size() <= held_.size() - size_;
    if (!fits_) return;
    std::ranges::copy(bytes, held_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += bytes.size();
  }
  size_t finish(DigestSpace out, size_t) const {
    std::ranges::copy(held_, out.begin());
    return fits_ ? size_ : kNoDigest;
  }

 private:
  std::array<uint8_t, limits::kDigestBytesMax> held_{};
  size_t size_ = 0;
  bool fits_ = true;
};

class Sha256 {
 public:
  Sha256() { SHA256_Init(&state_); }
  void update(Bytes bytes) { SHA256_Update(&state_, bytes.data(), bytes.size()); }
  size_t finish(DigestSpace out, size_t) {
    SHA256_Final(out.data(), &state_);
    return SHA256_DIGEST_LENGTH;
  }

 private:
  SHA256_CTX state_;
};

class DoubleSha256 : public Sha256 {
 public:
  size_t finish(DigestSpace out, size_t wanted) {
    const size_t size = Sha256::finish(out, wanted);
    SHA256(out.data(), size, out.data());
    return size;
  }
};

class OpenSsl {
 public:
  OpenSsl(EVP_MD_CTX* context, uint64_t code) : context_(context) {
    const int begun = EVP_DigestInit_ex2(context_, openssl_algorithm(code), nullptr);
    check(begun == 1, "a digest did not begin");
  }
  void update(Bytes bytes) {
    check(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1, "a digest did not go on");
  }
  size_t finish(DigestSpace out, size_t) {
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_, out.data(), &size) == 1, "a digest did not end");
    return size;
  }

 private:
  EVP_MD_CTX* context_;  // owned by the State
};

class Blake2b {
 public:
  explicit Blake2b(size_t size) { blake2b_init(&state_, size); }
  void update(Bytes bytes) { blake2b_update(&state_, bytes.data(), bytes.size()); }
  size_t finish(DigestSpace out, size_t) {
    blake2b_final(&state_, out.data(), state_.outlen);
    return state_.outlen;
  }

 private:
  alignas(16) blake2b_state state_;  // packed as declared
};

class Blake2s {
 public:
  explicit Blake2s(size_t size) { blake2s_init(&state_, size); }
  void update(Bytes bytes) { blake2s_update(&state_, bytes.data(), bytes.size()); }
  size_t finish(DigestSpace out, size_t) {
    blake2s_final(&state_, out.data(), state_.outlen);
    return state_.outlen;
  }

 private:
  alignas(16) blake2s_state state_;  // packed as declared
};

class Blake3Engine {
 public:
  void update(Bytes bytes) { state_.update(bytes); }
  size_t finish(DigestSpace out, size_t wanted) const {
    if (wanted < limits::kDigestBytesMin) return kNoDigest;
    state_.finish(out.first(wanted));
    return wanted;
  }

 private:
  Blake3 state_;
};

class KeccakEngine {
 public:
  explicit KeccakEngine(size_t size) : size_(size) { state_.reset(size); }
  void update(Bytes bytes) { state_.update(bytes); }
  size_t finish(DigestSpace out, size_t) {
    state_.finish(out.first(size_));
    return size_;
  }

 private:
  size_t size_;
  Keccak state_;
};

using Engine = std::variant<Identity, Sha256, DoubleSha256, OpenSsl, Blake2b, Blake2s, Blake3Engine,
                            KeccakEngine>;

}  // namespace

struct Hasher::State {
  Engine engine;
  Context context;  // made at the first digest that needs it

  void begin(uint64_t code);
  size_t finish(DigestSpace out, size_t wanted) {
    return std::visit([&](auto& of) { return of.finish(out, wanted); }, engine);
  }
};

void Hasher::State::begin(uint64_t code) {
  const size_t size = size_of(code).value_or(kNoDigest);
  check(size != kNoDigest, "a hash that is not supported");
  switch (code) {
    case hash::kIdentity:
      engine.emplace<Identity>();
      return;
    case hash::kSha2_256:
      engine.emplace<Sha256>();
      return;
    case hash::kDblSha2_256:
      engine.emplace<DoubleSha256>();
      return;
    case hash::kBlake3:
      engine.emplace<Blake3Engine>();
      return;
    case hash::kKeccak224:
    case hash::kKeccak256:
    case hash::kKeccak384:
    case hash::kKeccak512:
      engine.emplace<KeccakEngine>(size);
      return;
    default:
      break;
  }
  if (is_blake2b(code)) {
    engine.emplace<Blake2b>(size);
  } else if (is_blake2s(code)) {
    engine.emplace<Blake2s>(size);
  } else {
    if (!context) context.reset(EVP_MD_CTX_new());
    engine.emplace<OpenSsl>(context.get(), code);
  }
}

Hasher::Hasher() : state_(std::make_unique<State>()) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

bool Hasher::supports(uint64_t hash_code) {
  return hash_code != hash::kSha1 && size_of(hash_code).has_value();
}

bool Hasher::can_verify(const Cid& cid, Sha1 sha1) {
  if (cid.hash_code() == hash::kSha1 && sha1 == Sha1::kRefused) return false;
  const std::optional<size_t> size = size_of(cid.hash_code());
  return size && (*size == kAnySize || *size == cid.digest().size());
}

void Hasher::reset(uint64_t hash_code) {
  state_->begin(hash_code);
}

void Hasher::update(Bytes bytes) {
  if (auto* sha256 = std::get_if<Sha256>(&state_->engine)) [[likely]] {
    sha256->update(bytes);
  } else {
    std::visit([bytes](auto& engine) { engine.update(bytes); }, state_->engine);
  }
}

bool Hasher::finish_matches(Bytes digest) {
  if (digest.size() > limits::kDigestBytesMax) return false;
  std::array<uint8_t, limits::kDigestBytesMax> computed;
  const size_t size = state_->finish(computed, digest.size());
  return size == digest.size() && std::equal(digest.begin(), digest.end(), computed.begin());
}

bool Hasher::matches(const Cid& cid, Bytes block, Sha1 sha1) {
  if (!can_verify(cid, sha1)) return false;
  reset(cid.hash_code());
  update(block);
  return finish_matches(cid.digest());
}

Result<Cid> Hasher::cid_of(uint64_t codec, uint64_t hash_code, Bytes block) {
  constexpr size_t kBlake3Size = 32;
  if (hash_code == hash::kIdentity && block.size() > limits::kDigestBytesMax) {
    return fail(Errc::kTooLarge, "a block is too large for an identity CID");
  }
  reset(hash_code);
  update(block);
  std::array<uint8_t, limits::kDigestBytesMax> computed;
  const size_t size = state_->finish(computed, kBlake3Size);
  return Cid::v1(codec, hash_code, Bytes(computed).first(size));
}

}  // namespace daphnis

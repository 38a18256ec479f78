#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/slice.h"

namespace daphnis {

/// Keccak[c = 2d] as submitted to NIST, padding 0x01: what multihash and Ethereum call keccak-224
/// to keccak-512 (https://keccak.team/files/Keccak-submission-3.pdf). OpenSSL has only SHA3 of FIPS
/// 202, which pads differently.
class Keccak {
 public:
  /// Begins a digest of `digest_size` bytes: 28, 32, 48 or 64.
  void reset(size_t digest_size);
  void update(Bytes bytes);
  /// Writes the digest; `digest` has the size given to reset(). Call reset() before the next use.
  void finish(std::span<uint8_t> digest);

 private:
  void absorb(const uint8_t* block);

  std::array<uint64_t, 25> lanes_{};
  std::array<uint8_t, 144> held_{};  // an incomplete block; 144 is the largest rate (keccak-224)
  size_t held_size_ = 0;
  size_t rate_ = 136;  // bytes a permutation takes in
};

}  // namespace daphnis

#include "common/hash/keccak.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/check.h"

namespace daphnis {
namespace {

using Lanes = std::array<uint64_t, 25>;

// The constants of iota, rho and pi, from the submission that keccak.h names, sections 1.2 and 2.3.
constexpr std::array<uint64_t, 24> kRound = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
constexpr std::array<int, 24> kRotation = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                           27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
constexpr std::array<uint8_t, 24> kPosition = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                               15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

// The loops are unrolled so that every index is a constant and the lanes stay in registers.
void permute(Lanes& state) {
  Lanes lanes = state;
  for (const uint64_t constant : kRound) {
    std::array<uint64_t, 5> columns;
#pragma GCC unroll 5
    for (size_t x = 0; x < 5; ++x) {  // theta
      columns[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20];
    }
#pragma GCC unroll 5
    for (size_t x = 0; x < 5; ++x) {
      const uint64_t mix = columns[(x + 4) % 5] ^ std::rotl(columns[(x + 1) % 5], 1);
#pragma GCC unroll 5
      for (size_t y = 0; y < 25; y += 5) lanes[x + y] ^= mix;
    }
    uint64_t moving = lanes[1];
#pragma GCC unroll 24
    for (size_t i = 0; i < 24; ++i) {  // rho and pi
      const uint64_t next = lanes[kPosition[i]];
      lanes[kPosition[i]] = std::rotl(moving, kRotation[i]);
      moving = next;
    }
#pragma GCC unroll 5
    for (size_t y = 0; y < 25; y += 5) {  // chi
      const std::array<uint64_t, 5> row = {lanes[y], lanes[y + 1], lanes[y + 2], lanes[y + 3],
                                           lanes[y + 4]};
#pragma GCC unroll 5
      for (size_t x = 0; x < 5; ++x) lanes[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
    lanes[0] ^= constant;  // iota
  }
  state = lanes;
}

// Loads a little-endian lane.
uint64_t load(const uint8_t* bytes) {
  uint64_t lane;
  std::memcpy(&lane, bytes, sizeof lane);
  return std::endian::native == std::endian::little ? lane : __builtin_bswap64(lane);
}

}  // namespace

void Keccak::reset(size_t digest_size) {
  check(digest_size == 28 || digest_size == 32 || digest_size == 48 || digest_size == 64,
        "keccak has no digest of this size");
  lanes_.fill(0);
  held_size_ = 0;
  rate_ = 200 - 2 * digest_size;
}

void Keccak::absorb(const uint8_t* block) {
  for (size_t i = 0; i < rate_ / 8; ++i) lanes_[i] ^= load(block + 8 * i);
  permute(lanes_);
}

void Keccak::update(Bytes bytes) {
  if (held_size_ > 0) {
    const size_t taken = std::min(bytes.size(), rate_ - held_size_);
    std::ranges::copy(bytes.first(taken), held_.begin() + static_cast<ptrdiff_t>(held_size_));
    held_size_ += taken;
    bytes = bytes.subspan(taken);
    if (held_size_ < rate_) return;
    absorb(held_.data());
    held_size_ = 0;
  }
  for (; bytes.size() >= rate_; bytes = bytes.subspan(rate_)) absorb(bytes.data());
  std::ranges::copy(bytes, held_.begin());
  held_size_ = bytes.size();
}

void Keccak::finish(std::span<uint8_t> digest) {
  check(digest.size() == (200 - rate_) / 2, "not the size of this digest");
  std::fill(held_.begin() + static_cast<ptrdiff_t>(held_size_), held_.end(), uint8_t{0});
  held_[held_size_] ^= 0x01;
  held_[rate_ - 1] ^= 0x80;
  absorb(held_.data());
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(lanes_[i / 8] >> (8 * (i % 8)));
  }
}

}  // namespace daphnis

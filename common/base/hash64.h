#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace daphnis {

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
[[nodiscard]] constexpr uint64_t mix64(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// FNV-1a, finished by mix64. The hash is the same in every process and build, so that a restarted
/// broker has the same ring. It is no defence against chosen keys; they gain an L2 no more than its
/// places on the ring.
[[nodiscard]] inline uint64_t hash64(Bytes bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return mix64(hash);
}

}  // namespace daphnis

#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace daphnis::broker {

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
[[nodiscard]] constexpr uint64_t mix64(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// FNV-1a, finished by mix64. The same in every process and build, so that a restarted broker has
/// the same ring. Not a defence against chosen keys: who can choose them gains nothing but a place.
[[nodiscard]] inline uint64_t hash64(Bytes bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return mix64(hash);
}

}  // namespace daphnis::broker

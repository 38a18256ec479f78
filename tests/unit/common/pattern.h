#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace daphnis::test {

/// `size` bytes of 0, 1, … 250, 0, 1, …: the input of the official BLAKE3 vectors.
inline std::vector<uint8_t> pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i % 251);
  return bytes;
}

}  // namespace daphnis::test

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace daphnis::uv {

/// Random bytes from the system's cryptographic source, read in advance, since a system call costs
/// more than a copy. Used in one thread.
class RandomPool {
 public:
  RandomPool() = default;
  RandomPool(const RandomPool&) = delete;
  RandomPool& operator=(const RandomPool&) = delete;

  /// Fills `out` (at most kBytes). No byte is given out twice, and a byte given out is erased here.
  void fill(std::span<uint8_t> out);

  static constexpr size_t kBytes = 256;  ///< The most that getrandom(2) always returns in full.

 private:
  std::array<uint8_t, kBytes> bytes_{};
  size_t used_ = kBytes;
};

}  // namespace daphnis::uv

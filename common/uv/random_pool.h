#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace daphnis::uv {

/// Random bytes from the system's cryptographic source, drawn in advance: one draw costs more than
/// the copy. Owned by whoever hands them out, in one thread.
class RandomPool {
 public:
  RandomPool() = default;
  RandomPool(const RandomPool&) = delete;
  RandomPool& operator=(const RandomPool&) = delete;

  /// Fills `out`, at most kBytes of it. No byte is given out twice, nor kept once it is given.
  void fill(std::span<uint8_t> out);

  static constexpr size_t kBytes = 256;  ///< So many come in one piece (getrandom(2)).

 private:
  std::array<uint8_t, kBytes> bytes_{};
  size_t used_ = kBytes;
};

}  // namespace daphnis::uv

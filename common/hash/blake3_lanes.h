#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// The compression function of BLAKE3 (section 2.2 of its paper), for one input and for many side
/// by side.
namespace daphnis::blake3 {

inline constexpr std::array<uint32_t, 8> kIv = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// Flags of a block, to be added up.
inline constexpr uint32_t kNone = 0;
inline constexpr uint32_t kChunkStart = 1 << 0;
inline constexpr uint32_t kChunkEnd = 1 << 1;
inline constexpr uint32_t kParent = 1 << 2;
inline constexpr uint32_t kRoot = 1 << 3;

/// The message words that each of a round's eight quarter rounds mixes in, two for each.
inline constexpr uint8_t kSchedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/// One compression. The first 8 words of the result are the next chaining value, all 16 are the
/// root's output.
[[nodiscard]] std::array<uint32_t, 16> compress(const std::array<uint32_t, 8>& cv,
                                                const uint8_t* block, size_t block_size,
                                                uint64_t counter, uint32_t flags);

/// Inputs of equal size, end to end, each hashed on its own.
struct Batch {
  const uint8_t* input;
  size_t count;           ///< Inputs.
  size_t blocks;          ///< 64-byte blocks of each.
  uint64_t counter;       ///< The first input's counter.
  uint64_t counter_step;  ///< From one input's counter to the next: 1 for chunks, 0 for parents.
  uint32_t flags;         ///< Flags of every block.
  uint32_t first_flags;   ///< Further flags of each input's first block.
  uint32_t last_flags;    ///< Further flags of each input's last block.
};

/// One way to hash several inputs at once. Each function takes up to as many inputs as it has
/// lanes.
struct Kernels {
  using HashLanes = void (*)(const Batch&, uint8_t*);
  size_t widest;  ///< The most lanes: 4, 8 or 16.
  HashLanes by_4;
  HashLanes by_8;   ///< nullptr where widest < 8.
  HashLanes by_16;  ///< nullptr where widest < 16.
};

/// The kernels that this processor can run, the fastest last.
[[nodiscard]] std::span<const Kernels> kernels();

/// Writes count chaining values of 32 bytes to `out`, which may be the input itself.
void hash_batch(const Batch& batch, uint8_t* out, const Kernels& by = kernels().back());

}  // namespace daphnis::blake3

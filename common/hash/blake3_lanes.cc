#include "common/hash/blake3_lanes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace daphnis::blake3 {
namespace {

static_assert(std::endian::native == std::endian::little, "words are used as they lie in memory");

#define INLINE [[gnu::always_inline]]
#if defined(__x86_64__)
namespace avx512 {
#define TARGET __attribute__((target("avx2,avx512f,avx512vl")))
#include "common/hash/blake3_lanes.inc"
#undef TARGET
}  // namespace avx512
namespace avx2 {
#define TARGET __attribute__((target("avx2")))
#include "common/hash/blake3_lanes.inc"
#undef TARGET
}  // namespace avx2
#endif
namespace base {  // SSE2, NEON or what the compiler makes of it
#define TARGET
#include "common/hash/blake3_lanes.inc"
#undef TARGET
}  // namespace base
#undef INLINE

using Words = std::array<uint32_t, 16>;

inline void quarter(Words& v, size_t a, size_t b, size_t c, size_t d, uint32_t x, uint32_t y) {
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

void hash_one(const Batch& batch, uint8_t* out) {
  std::array<uint32_t, 8> cv = kIv;
  for (size_t block = 0; block < batch.blocks; ++block) {
    uint32_t flags = batch.flags;
    if (block == 0) flags |= batch.first_flags;
    if (block + 1 == batch.blocks) flags |= batch.last_flags;
    const Words words = compress(cv, batch.input + block * 64, 64, batch.counter, flags);
    std::copy_n(words.begin(), cv.size(), cv.begin());
  }
  std::memcpy(out, cv.data(), sizeof cv);
}

// Sorted by width, so that the kernels a processor can run come first.
constexpr Kernels kKernels[] = {
    {4, base::hash_lanes<4>, nullptr, nullptr},
#if defined(__x86_64__)
    {8, avx2::hash_lanes<4>, avx2::hash_lanes<8>, nullptr},
    {16, avx512::hash_lanes<4>, avx512::hash_lanes<8>, avx512::hash_lanes<16>},
#endif
};

size_t count_runnable() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) return 1;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? 3 : 2;
#else
  return 1;
#endif
}

}  // namespace

std::span<const Kernels> kernels() {
  static const size_t runnable = count_runnable();
  return {kKernels, runnable};
}

Words compress(const std::array<uint32_t, 8>& cv, const uint8_t* block, size_t block_size,
               uint64_t counter, uint32_t flags) {
  Words m;
  std::memcpy(m.data(), block, sizeof m);
  Words v = {cv[0],
             cv[1],
             cv[2],
             cv[3],
             cv[4],
             cv[5],
             cv[6],
             cv[7],
             kIv[0],
             kIv[1],
             kIv[2],
             kIv[3],
             static_cast<uint32_t>(counter),
             static_cast<uint32_t>(counter >> 32),
             static_cast<uint32_t>(block_size),
             flags};
  for (const auto& s : kSchedule) {
    quarter(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    quarter(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    quarter(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    quarter(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    quarter(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    quarter(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    quarter(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    quarter(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (size_t i = 0; i < 8; ++i) {
    v[i] ^= v[i + 8];
    v[i + 8] ^= cv[i];
  }
  return v;
}

void hash_batch(const Batch& batch, uint8_t* out, const Kernels& by) {
  for (size_t done = 0; done < batch.count;) {
    Batch part = batch;
    part.count = std::min(batch.count - done, by.widest);
    part.input += done * batch.blocks * 64;
    part.counter += done * batch.counter_step;
    uint8_t* const to = out + done * 32;
    done += part.count;
    if (part.count == 1) {
      hash_one(part, to);
    } else if (part.count <= 4) {
      by.by_4(part, to);
    } else if (part.count <= 8) {
      by.by_8(part, to);
    } else {
      by.by_16(part, to);
    }
  }
}

}  // namespace daphnis::blake3

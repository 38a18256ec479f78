#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "common/base/result.h"
#include "common/base/slice.h"

namespace daphnis {

/// Longest encoding: 9 bytes, so values up to kVarintMax (2^63 - 1).
inline constexpr size_t kVarintBytesMax = 9;
inline constexpr uint64_t kVarintMax = (uint64_t{1} << 63) - 1;

/// A decoded number and the bytes it took (1..kVarintBytesMax).
struct Varint {
  uint64_t value;
  size_t size;
};

/// What read_varint() does with a number of any length.
[[nodiscard]] std::expected<Varint, Errc> read_long_varint(Bytes bytes);

/// The unsigned LEB128 number that `bytes` begins with, in the strict form of
/// https://github.com/multiformats/unsigned-varint: minimal and at most 9 bytes. Errors: kTruncated
/// (all bytes so far could begin a number), kMalformed (no continuation makes it one).
[[nodiscard]] inline std::expected<Varint, Errc> read_varint(Bytes bytes) {
  if (!bytes.empty() && bytes[0] < 0x80) [[likely]]
    return Varint{bytes[0], 1};
  return read_long_varint(bytes);
}

/// Bytes that write_varint() needs for `value`.
[[nodiscard]] size_t varint_size(uint64_t value);

/// Writes `value` (at most kVarintMax, else it is a bug) to `out`, which has space for
/// kVarintBytesMax bytes. Returns how many bytes were written.
size_t write_varint(uint64_t value, uint8_t* out);

}  // namespace daphnis

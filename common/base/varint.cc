#include "common/base/varint.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace daphnis {

std::expected<Varint, Errc> read_long_varint(Bytes bytes) {
  uint64_t value = 0;
  const size_t end = std::min(bytes.size(), kVarintBytesMax);
  for (size_t i = 0; i < end; ++i) {
    const uint8_t byte = bytes[i];
    value |= uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      // A last byte of zero adds nothing: the same number has a shorter form.
      if (byte == 0 && i > 0) return std::unexpected(Errc::kMalformed);
      return Varint{value, i + 1};
    }
  }
  return std::unexpected(end == kVarintBytesMax ? Errc::kMalformed : Errc::kTruncated);
}

size_t varint_size(uint64_t value) {
  const auto bits = static_cast<size_t>(std::bit_width(value | 1));
  return (bits + 6) / 7;
}

size_t write_varint(uint64_t value, uint8_t* out) {
  check(value <= kVarintMax, "a varint holds at most 63 bits");
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  out[size++] = static_cast<uint8_t>(value);
  return size;
}

}  // namespace daphnis

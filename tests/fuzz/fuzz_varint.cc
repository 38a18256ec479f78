#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/base/varint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daphnis;
  const Bytes bytes(data, size);
  const auto read = read_varint(bytes);
  if (read) {
    check(read->value <= kVarintMax && read->size <= kVarintBytesMax, "out of bounds");
    std::array<uint8_t, kVarintBytesMax> written;
    const size_t length = write_varint(read->value, written.data());
    check(length == read->size && length == varint_size(read->value), "more than one form");
    check(std::ranges::equal(Bytes(written).first(length), bytes.first(length)), "another form");
  } else if (read.error() == Errc::kTruncated) {
    check(size < kVarintBytesMax, "truncated though whole");
    check(std::ranges::all_of(bytes, [](uint8_t byte) { return byte >= 0x80; }), "it had an end");
  }
  return 0;
}

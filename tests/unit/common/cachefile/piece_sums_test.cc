#include "common/cachefile/piece_sums.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace daphnis {
namespace {

std::vector<uint8_t> body_of(size_t size) {
  std::vector<uint8_t> body(size);
  uint32_t state = 1;
  for (uint8_t& byte : body) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return body;
}

std::vector<uint8_t> sums_of(Bytes body, size_t at_once) {
  PieceSummer summer;
  for (size_t at = 0; at < body.size(); at += at_once) {
    summer.add(body.subspan(at, std::min(at_once, body.size() - at)));
  }
  CHECK(summer.bytes() == body.size());
  return std::move(summer).finish();
}

}  // namespace

TEST_CASE("CRC-32C is that of RFC 3720") {
  // Appendix B.4, and the catalogue's check value.
  CHECK(crc32c(std::vector<uint8_t>(32, 0x00)) == 0x8a9136aa);
  CHECK(crc32c(std::vector<uint8_t>(32, 0xff)) == 0x62a8ab43);
  std::vector<uint8_t> rising;
  for (uint8_t i = 0; i < 32; ++i) rising.push_back(i);
  CHECK(crc32c(rising) == 0x46dd794e);
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283);
  CHECK(crc32c({}) == 0);
}

TEST_CASE("the sums of a body are the same in whatever parts it comes") {
  for (const size_t size : {size_t{0}, size_t{1}, kCachePieceBytes - 1, kCachePieceBytes,
                            kCachePieceBytes + 1, 3 * kCachePieceBytes + 77}) {
    CAPTURE(size);
    const auto body = body_of(size);
    const auto sums = sums_of(body, SIZE_MAX / 2);
    CHECK(sums.size() == piece_sums_bytes(size));
    CHECK(sums_of(body, 1000) == sums);
    CHECK(sums_of(body, kCachePieceBytes) == sums);
    const auto read = PieceSums::read(sums, size);
    REQUIRE(read);
    CHECK(read->hold(0, body));
  }
}

TEST_CASE("a bit that was flipped anywhere is found in its piece and in no other") {
  const auto body = body_of(2 * kCachePieceBytes + 1000);
  const auto sums = *PieceSums::read(sums_of(body, body.size()), body.size());
  for (const size_t at : {size_t{0}, kCachePieceBytes - 1, kCachePieceBytes, body.size() - 1}) {
    CAPTURE(at);
    auto rotten = body;
    rotten[at] ^= 0x10;
    for (size_t begin = 0; begin < body.size(); begin += kCachePieceBytes) {
      const auto place = sums.around(begin, 1);
      CHECK(place.offset == begin);
      const bool is_hit = at >= begin && at < begin + place.size;
      CHECK(sums.hold(begin, Bytes(rotten).subspan(begin, place.size)) == !is_hit);
    }
  }
}

TEST_CASE("a part is checked with all pieces it touches") {
  const uint64_t size = 3 * kCachePieceBytes + 10;
  const auto sums = *PieceSums::read(sums_of(body_of(size), size), size);
  const auto check_place = [&](uint64_t offset, uint64_t bytes, uint64_t begin, uint64_t end) {
    const auto place = sums.around(offset, bytes);
    CHECK(place.offset == begin);
    CHECK(place.offset + place.size == end);
  };
  check_place(0, 1, 0, kCachePieceBytes);
  check_place(kCachePieceBytes - 1, 1, 0, kCachePieceBytes);
  check_place(kCachePieceBytes - 1, 2, 0, 2 * kCachePieceBytes);
  check_place(kCachePieceBytes, kCachePieceBytes, kCachePieceBytes, 2 * kCachePieceBytes);
  check_place(size - 1, 1, 3 * kCachePieceBytes, size);
  check_place(0, size, 0, size);
}

TEST_CASE("sums that are damaged themselves or fit another body are refused") {
  const auto body = body_of(kCachePieceBytes + 5);
  const auto sums = sums_of(body, body.size());
  for (size_t at = 0; at < sums.size(); ++at) {
    auto rotten = sums;
    rotten[at] ^= 1;
    CHECK_FALSE(PieceSums::read(rotten, body.size()));
  }
  CHECK_FALSE(PieceSums::read(sums, kCachePieceBytes));
  CHECK_FALSE(PieceSums::read({}, body.size()));
}

}  // namespace daphnis

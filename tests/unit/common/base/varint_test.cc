#include "common/base/varint.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/common/hex.h"

namespace daphnis {
namespace {

using test::from_hex;
using test::to_hex;

std::string written(uint64_t value) {
  std::array<uint8_t, kVarintBytesMax> out{};
  return to_hex({out.data(), write_varint(value, out.data())});
}

TEST_CASE("varints have the forms of the unsigned-varint specification", "[varint]") {
  CHECK(written(0) == "00");
  CHECK(written(1) == "01");
  CHECK(written(127) == "7f");
  CHECK(written(128) == "8001");
  CHECK(written(255) == "ff01");
  CHECK(written(300) == "ac02");
  CHECK(written(16384) == "808001");
  CHECK(written(kVarintMax) == "ffffffffffffffff7f");
}

TEST_CASE("what is written as a varint is read back with its size", "[varint]") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t value = random() >> (1 + random() % 63);
    std::array<uint8_t, kVarintBytesMax + 1> out;
    out.fill(0xff);
    const size_t size = write_varint(value, out.data());
    REQUIRE(size == varint_size(value));
    const auto read = read_varint(out);
    REQUIRE(read);
    REQUIRE(read->value == value);
    REQUIRE(read->size == size);
    for (size_t cut = 0; cut < size; ++cut) {
      const auto part = read_varint(Bytes(out).first(cut));
      REQUIRE_FALSE(part);
      REQUIRE(part.error() == Errc::kTruncated);
    }
  }
}

TEST_CASE("a varint that is not minimal or too long is malformed as soon as that shows",
          "[varint]") {
  const char* const bad =
      GENERATE("8000", "ff00", "818000", "ffffffffffffffffff", "ffffffffffffffffff01",
               "80808080808080808000", "808080808080808000");
  CAPTURE(bad);
  const auto read = read_varint(from_hex(bad));
  REQUIRE_FALSE(read);
  CHECK(read.error() == Errc::kMalformed);
}

}  // namespace
}  // namespace daphnis

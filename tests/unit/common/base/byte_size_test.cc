#include "common/base/byte_size.h"

#include <catch2/catch.hpp>

namespace daphnis {
namespace {

uint64_t parsed(std::string_view text) {
  uint64_t bytes = 0;
  REQUIRE(parse_byte_size(text, bytes));
  return bytes;
}

}  // namespace

TEST_CASE("a byte size is a number with or without a binary unit") {
  CHECK(parsed("0") == 0);
  CHECK(parsed("4096") == 4096);
  CHECK(parsed("64K") == 64 << 10);
  CHECK(parsed("256m") == 256 << 20);
  CHECK(parsed("10G") == uint64_t{10} << 30);
  CHECK(parsed("2T") == uint64_t{2} << 40);
  CHECK(parsed("18446744073709551615") == UINT64_MAX);
  CHECK(parsed("3b") == 3);
  CHECK(parsed("10 GiB") == uint64_t{10} << 30);
  CHECK(parsed("10gb") == uint64_t{10} << 30);
  CHECK(parsed("1Ki") == 1024);
  CHECK(parsed("15E") == uint64_t{15} << 60);
}

TEST_CASE("a byte size is written as it is read") {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1000}, uint64_t{1024}, uint64_t{1536} << 20,
                               uint64_t{10} << 30, uint64_t{15} << 60, UINT64_MAX}) {
    CHECK(parsed(byte_size_text(bytes)) == bytes);
  }
  CHECK(byte_size_text(uint64_t{10} << 30) == "10G");
}

TEST_CASE("text that is no byte size is refused") {
  const auto text = GENERATE("", "K", "-1", "+1", "1.5G", "1X", "1KBB", "1Kib ", "1bK", "0x10",
                             "G1", "18446744073709551616", "16777216T", "99999999999999999999G");
  uint64_t bytes = 7;
  CHECK_FALSE(parse_byte_size(text, bytes));
  CHECK(bytes == 7);
}

}  // namespace daphnis

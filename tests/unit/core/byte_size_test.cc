#include "common/core/byte_size.h"

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
}

TEST_CASE("what is no byte size is told apart") {
  const auto text = GENERATE("", "K", "-1", "+1", " 1", "1 ", "1.5G", "1GB", "1X", "0x10", "G1",
                             "18446744073709551616", "16777216T", "99999999999999999999G");
  uint64_t bytes = 7;
  CHECK_FALSE(parse_byte_size(text, bytes));
  CHECK(bytes == 7);
}

}  // namespace daphnis

#include "worker/gateway/byte_ranges.h"

#include <catch2/catch.hpp>
#include <string>

using namespace daphnis::worker;

TEST_CASE("one well formed byte range is read", "[worker][ranges]") {
  CHECK(parse_range("bytes=0-0") == RangeSpec{.first = 0, .last = 0});
  CHECK(parse_range("Bytes=7-9") == RangeSpec{.first = 7, .last = 9});
  CHECK(parse_range("bytes=7-") == RangeSpec{.first = 7, .last = {}});
  CHECK(parse_range("bytes=-7") == RangeSpec{.first = {}, .last = 7});
  CHECK(parse_range("bytes=99999999999999999999-") == RangeSpec{.first = UINT64_MAX, .last = {}});
}

TEST_CASE("what is no single byte range is ignored", "[worker][ranges]") {
  std::string thousand = "bytes=0-1";
  for (int i = 0; i < 1000; ++i) thousand += ",0-1";
  for (const std::string& bad :
       {std::string("bytes"), std::string("bytes="), std::string("bytes=-"),
        std::string("bytes=a-b"), std::string("bytes=1"), std::string("bytes=2-1"),
        std::string("bytes=+1-2"), std::string("bytes=1-2-3"), std::string("bytes=1- 2"),
        std::string("bytes = 0-1"), std::string("bytes =0-1"), std::string("bytes= 0-1"),
        std::string("bytes=\t0-1"), std::string("bytes=0 -1"), std::string("items=1-2"),
        std::string("bytes=0-1,3-4"), thousand, std::string("")}) {
    CAPTURE(bad.substr(0, 40));
    CHECK_FALSE(parse_range(bad));
  }
}

TEST_CASE("a range is cut to the content or has no part of it", "[worker][ranges]") {
  CHECK(part_of({.first = 7, .last = 9}, 31) == Part{.offset = 7, .length = 3});
  CHECK(part_of({.first = 7, .last = 99}, 31) == Part{.offset = 7, .length = 24});
  CHECK(part_of({.first = 7, .last = {}}, 31) == Part{.offset = 7, .length = 24});
  CHECK(part_of({.first = {}, .last = 3}, 31) == Part{.offset = 28, .length = 3});
  CHECK(part_of({.first = {}, .last = 99}, 31) == Part{.offset = 0, .length = 31});
  CHECK(part_of({.first = 0, .last = UINT64_MAX}, 31) == Part{.offset = 0, .length = 31});
  CHECK(part_of({.first = 0, .last = UINT64_MAX}, UINT64_MAX) ==
        Part{.offset = 0, .length = UINT64_MAX});
  CHECK_FALSE(part_of({.first = 31, .last = {}}, 31));
  CHECK_FALSE(part_of({.first = {}, .last = 0}, 31));
  CHECK_FALSE(part_of({.first = {}, .last = 5}, 0));
  CHECK_FALSE(part_of({.first = 0, .last = 5}, 0));
}

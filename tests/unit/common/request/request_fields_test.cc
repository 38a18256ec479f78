#include "common/request/request_fields.h"

#include <catch2/catch.hpp>

using namespace daphnis;

TEST_CASE("dag-scope has three words and no others", "[http][request_fields]") {
  for (DagScope scope : {DagScope::kBlock, DagScope::kEntity, DagScope::kAll}) {
    CHECK(parse_dag_scope(name(scope)) == scope);
  }
  for (std::string_view bad : {"", "All", "all ", "file", "blocks"})
    CHECK_FALSE(parse_dag_scope(bad));
}

TEST_CASE("entity-bytes reads numbers and the star", "[http][request_fields]") {
  using Range = ByteRange;
  CHECK(parse_entity_bytes("0:*") == Range{});
  CHECK(parse_entity_bytes("0:0") == Range{.from = 0, .to = 0});
  CHECK(parse_entity_bytes("5:10") == Range{.from = 5, .to = 10});
  CHECK(parse_entity_bytes("-5:*") == Range{.from = -5, .to = {}});
  CHECK(parse_entity_bytes("-9999:-3") == Range{.from = -9999, .to = -3});
  CHECK(parse_entity_bytes("512:-256") == Range{.from = 512, .to = -256});
  CHECK(parse_entity_bytes("-1:5") == Range{.from = -1, .to = 5});
  CHECK(parse_entity_bytes("007:0010") == Range{.from = 7, .to = 10});
  CHECK(parse_entity_bytes("-9223372036854775808:9223372036854775807") ==
        Range{.from = INT64_MIN, .to = INT64_MAX});
  for (std::string_view bad : {"",      ":",     "1",    "1:",    ":1",
                               "*:1",   "*:*",   "*",    "1:2:3", "+1:2",
                               "1:+2",  " 1:2",  "1:2 ", "a:b",   "1.5:2",
                               "0x1:2", "--1:2", "10:5", "-3:-5", "9223372036854775808:*",
                               "1:**",  "0:1:2"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_entity_bytes(bad));
  }
}

TEST_CASE("a range's text reads back as the range", "[http][request_fields]") {
  for (std::string_view text : {"0:*", "0:0", "-5:*", "-9999:-3", "512:-256"}) {
    CHECK(to_text(*parse_entity_bytes(text)) == text);
  }
}

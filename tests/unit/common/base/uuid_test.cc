#include "common/base/uuid.h"

#include <catch2/catch.hpp>

namespace daphnis {

TEST_CASE("a uuid is read in every spelling that deployed nodes use") {
  const auto dashed = parse_uuid("f9ed4675-f1c5-3513-c61a-3b3b4e25b4c0");
  REQUIRE(dashed);
  CHECK(parse_uuid("f9ed4675f1c53513c61a3b3b4e25b4c0") == dashed);
  CHECK(parse_uuid("F9ED4675-F1C5-3513-C61A-3B3B4E25B4C0") == dashed);
  CHECK(text_of(*dashed) == "f9ed4675-f1c5-3513-c61a-3b3b4e25b4c0");
}

TEST_CASE("what is not a uuid is refused") {
  for (const auto* text :
       {"", "f9ed4675", "f9ed4675-f1c5-3513-c61a-3b3b4e25b4c", "zz",
        "f9ed4675f1c5-3513-c61a-3b3b4e25b4c0-", "g9ed4675f1c53513c61a3b3b4e25b4c0",
        "{9ed4675-f1c5-3513-c61a-3b3b4e25b4c0}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_uuid(text));
  }
}

TEST_CASE("a made uuid says that it is version 4") {
  Uuid ones;
  ones.fill(0xff);
  CHECK(text_of(uuid_v4(ones)) == "ffffffff-ffff-4fff-bfff-ffffffffffff");
  CHECK(text_of(uuid_v4(Uuid{})) == "00000000-0000-4000-8000-000000000000");
}

}  // namespace daphnis

#include "common/base/names.h"

#include <catch2/catch.hpp>
#include <string>

namespace daphnis {

TEST_CASE("names are plain and short", "[base][names]") {
  CHECK(is_name("a"));
  CHECK(is_name(std::string(64, 'z')));
  CHECK(is_name("0b5a0c7c-6a5a-4f0e-9d2e-0123456789ab"));
  for (const std::string& text : {std::string(), std::string(65, 'z'), std::string("a b"),
                                  std::string("a/b"), std::string("ä"), std::string("a\n")}) {
    CHECK_FALSE(is_name(text));
  }
}

}  // namespace daphnis

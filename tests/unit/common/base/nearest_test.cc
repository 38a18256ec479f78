#include "common/base/nearest.h"

#include <catch2/catch.hpp>

namespace daphnis {

TEST_CASE("a typo has a nearest name and a quite different name has none") {
  const std::vector<std::string> known = {"l2-listen", "admin-listen", "log-level", "tries"};
  CHECK(nearest_name("l2-lisen", known) == "l2-listen");
  CHECK(nearest_name("l2_listen", known) == "l2-listen");
  CHECK(nearest_name("loglevel", known) == "log-level");
  CHECK(nearest_name("treis", known).empty());  // Two of five letters differ.
  CHECK(nearest_name("trie", known) == "tries");
  CHECK(nearest_name("tries", known) == "tries");
  CHECK(nearest_name("workers", known).empty());
  CHECK(nearest_name("", known).empty());
  CHECK(nearest_name(std::string(100'000, 'l'), known).empty());
  CHECK(nearest_name("x", {}).empty());
}

}  // namespace daphnis

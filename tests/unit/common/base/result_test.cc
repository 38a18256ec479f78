#include "common/base/result.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "common/base/check.h"
#include "tests/fakes/dies.h"

namespace daphnis {
namespace {

TEST_CASE("every error code has a name of its own", "[result]") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::kSystem); ++code) {
    names.insert(name(static_cast<Errc>(code)));
  }
  CHECK(names.size() == static_cast<size_t>(Errc::kSystem) + 1);
  CHECK(names.count("unknown") == 0);
  CHECK(name(static_cast<Errc>(200)) == "unknown");
}

TEST_CASE("an error's text has its code and its explanation", "[result]") {
  const Result<int> bare = fail(Errc::kTruncated);
  REQUIRE_FALSE(bare);
  CHECK(bare.error().text() == "truncated");
  const Result<int> told = fail(Errc::kNotFound, "no such file X");
  CHECK(told.error().text() == "not_found: no such file X");
}

TEST_CASE("a refusal by the system carries its errno", "[result]") {
  const Result<int> result = fail_sys(ENOENT, "cannot open X");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kSystem);
  CHECK(result.error().sys == ENOENT);
  CHECK(result.error().text() == "system: cannot open X: No such file or directory");
}

TEST_CASE("a check that fails ends the process and one that holds does not", "[check]") {
  CHECK(test::dies([] { check(false, "as it should"); }));
  CHECK_FALSE(test::dies([] { check(true, "never"); }));
}

}  // namespace
}  // namespace daphnis

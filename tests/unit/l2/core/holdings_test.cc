#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "common/base/limits.h"
#include "l2/core/holdings.h"
#include "tests/unit/l2/blocks.h"

using namespace daphnis;
using namespace daphnis::l2;
using daphnis::test::raw_cid;

namespace {

std::vector<Cid> many(size_t count) {
  std::vector<Cid> cids;
  for (size_t i = 0; i < count; ++i) cids.push_back(raw_cid(std::to_string(i)));
  return cids;
}

}  // namespace

TEST_CASE("an update tells what was added and what was removed", "[l2][holdings]") {
  const Holdings before = make_holdings({raw_cid("a"), raw_cid("b"), raw_cid("b")});
  CHECK(before->size() == 2);
  const Holdings after = make_holdings({raw_cid("b"), raw_cid("c")});
  const HoldingsUpdate update(before, after);
  CHECK(update.body() == "{\"remove\":[\"" + raw_cid("a").text() + "\"]}\n{\"add\":[\"" +
                             raw_cid("c").text() + "\"]}\n");
  CHECK(HoldingsUpdate(after, after).is_done());
  CHECK(HoldingsUpdate(nullptr, make_holdings({})).is_done());
}

TEST_CASE("large holdings are told in bounded bodies and lines", "[l2][holdings]") {
  const size_t count = limits::kHoldingsPerPost * 2 + 5;
  HoldingsUpdate update(nullptr, make_holdings(many(count)));
  size_t told = 0;
  size_t bodies = 0;
  for (; !update.is_done(); update.advance()) {
    const std::string body = update.body();
    CHECK(body == update.body());  // The body may be sent again.
    ++bodies;
    size_t begin = 0;
    while (begin < body.size()) {
      const size_t end = body.find('\n', begin);
      REQUIRE(end != std::string::npos);
      CHECK(end - begin < limits::kOrderLineBytesMax);
      const auto line = body.substr(begin, end - begin);
      CHECK(line.starts_with("{\"add\":[\""));
      told += static_cast<size_t>(std::count(line.begin(), line.end(), ',')) + 1;
      begin = end + 1;
    }
  }
  CHECK(bodies == 3);
  CHECK(told == count);
}

TEST_CASE("the last body says whether that is all", "[l2][holdings]") {
  const Holdings few = make_holdings({raw_cid("a")});
  HoldingsUpdate update(nullptr, few, true);
  CHECK(update.body() == "{\"add\":[\"" + raw_cid("a").text() + "\"]}\n{\"complete\":true}\n");
  update.advance();
  CHECK(update.is_done());
  HoldingsUpdate alone(few, few, false);
  CHECK_FALSE(alone.is_done());
  CHECK(alone.body() == "{\"complete\":false}\n");
  alone.advance();
  CHECK(alone.is_done());
  HoldingsUpdate large(nullptr, make_holdings(many(limits::kHoldingsPerPost + 1)), true);
  CHECK(large.body().find("complete") == std::string::npos);
  large.advance();
  CHECK(large.body().ends_with("]}\n{\"complete\":true}\n"));
}

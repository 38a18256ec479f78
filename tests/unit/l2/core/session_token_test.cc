#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "common/base/l2_token.h"
#include "tests/unit/l2/core/session_rig.h"

using namespace daphnis;
using namespace daphnis::l2;
using Rig = daphnis::test::SessionRig;

namespace {

const std::string kMac(kL2TokenMacChars, 'm');
const std::string kToken = "home-1.1900000000." + kMac;

std::string line_of(const std::string& token) {
  return R"({"token":")" + token + "\"}\n";
}

bool has(const std::vector<std::string>& lines, const std::string& part) {
  return std::ranges::any_of(
      lines, [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("the successor of a token is kept and not logged", "[l2][token]") {
  Rig rig(Generation::kV2, 2, true);
  rig.registered();
  rig.feed(line_of(kToken));
  CHECK(rig.kept_tokens == std::vector<std::string>{kToken});
  CHECK(has(rig.logged, "event=token_renewed until_s=1900000000"));
  CHECK_FALSE(has(rig.logged, kMac));
}

TEST_CASE("a token for another id, no token, and one that nobody asked for are not kept",
          "[l2][token]") {
  const bool has_token = GENERATE(true, false);
  Rig rig(Generation::kV2, 2, has_token);
  rig.registered();
  if (has_token) {
    rig.feed(line_of("home-2.1900000000." + kMac));
    rig.feed(line_of(kMac));
    rig.feed("{\"token\":7,\"of\":\"" + kMac + "\"}\n");
    rig.feed("{\"token\":\"" + kMac + "\n");
  } else {
    rig.feed(line_of(kToken));
  }
  CHECK(rig.kept_tokens.empty());
  CHECK(rig.session.is_registered());
  CHECK_FALSE(has(rig.logged, kMac));
}

TEST_CASE("after a bad token the L2 waits for a minute at least and says what to do",
          "[l2][token]") {
  Rig rig(Generation::kV2, 2, true);
  rig.session.start(rig.now);
  rig.session.on_registration_refused({.status = 403, .code = "bad_token", .detail = "no"},
                                      rig.now);
  rig.collect();
  CHECK(*rig.session.wakes_at_ms() - rig.now >= limits::kBadTokenWaitMs);
  CHECK(has(rig.logged, "--token-file"));
}

TEST_CASE("an L2 whose id others ask for is told", "[l2][token]") {
  Rig rig;
  rig.registered();
  rig.feed(R"({"notice":"contested","reason":"bad_token"})"
           "\n");
  CHECK(has(rig.logged, "notice=contested reason=bad_token"));
  CHECK(rig.session.stats().notices == 1);
}

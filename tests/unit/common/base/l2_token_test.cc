#include "common/base/l2_token.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/base/limits.h"

namespace daphnis {
namespace {

const std::string kMac(kL2TokenMacChars, 'm');

}  // namespace

TEST_CASE("a token is taken apart from the right since ids may hold dots", "[base][token]") {
  const std::string text = "home.7.1900000000." + kMac;
  const auto token = parse_l2_token(text);
  REQUIRE(token);
  CHECK(token->id == "home.7");
  CHECK(token->until_s == 1'900'000'000);
  CHECK(token->claimed == "home.7.1900000000");
  CHECK(token->mac == kMac);
}

TEST_CASE("what has not the form of a token is none", "[base][token]") {
  const std::string text = GENERATE_COPY(
      std::string(), std::string("."), std::string(".."), "home." + kMac, std::string("home.1."),
      "home.1." + kMac + "m", "home.1." + kMac.substr(1), ".1." + kMac, "home.01." + kMac,
      "home.0." + kMac, "home.-1." + kMac, "home.+1." + kMac, "home.1x." + kMac,
      "home.1234567890123." + kMac, "home 7.1." + kMac, std::string(65, 'a') + ".1." + kMac,
      "h\xC3\xB6me.1." + kMac, "home.1." + kMac.substr(1) + "=", "home.1." + kMac.substr(1) + "+",
      "home.1." + kMac.substr(2) + "\xC3\xB6", "home.1." + kMac + "\n", " home.1." + kMac,
      "home.1." + kMac + " ");
  CAPTURE(text);
  CHECK_FALSE(parse_l2_token(text));
}

TEST_CASE("a text of more than 256 bytes is no token whatever it says", "[base][token]") {
  CHECK(parse_l2_token(std::string(64, 'a') + ".999999999999." + kMac));
  CHECK_FALSE(parse_l2_token(std::string(limits::kL2TokenBytesMax, 'a') + ".1." + kMac));
}

}  // namespace daphnis

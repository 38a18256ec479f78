#include "broker/auth/token_secrets.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

const std::string kOne = "0123456789abcdef0123456789abcdef";
const std::string kTwo = "fedcba9876543210fedcba9876543210";

std::optional<SecretNo> verify(const TokenSecrets& secrets, const std::string& text) {
  const auto token = parse_l2_token(text);
  return token ? secrets.verify(*token) : std::nullopt;
}

}  // namespace

TEST_CASE("a token is what HMAC-SHA-256 makes of its claim", "[broker][auth]") {
  // By Python's hmac and base64.
  const std::string made = "home.7.1900000000.TzF5LGjnlCL0eHxM0i7RbYB_2LZFmVdsWE8k6M3UqFU";
  const auto secrets = TokenSecrets::parse(kOne + "\n");
  REQUIRE(secrets);
  CHECK(secrets->mint("home.7", 1'900'000'000) == made);
  CHECK(verify(*secrets, made) == secrets->first());
}

TEST_CASE("the first secret makes tokens and all verify them", "[broker][auth]") {
  const auto before = TokenSecrets::parse(kOne);
  const auto both = TokenSecrets::parse("# new\n" + kTwo + "\r\n\n  " + kOne + "\t\n");
  const auto after = TokenSecrets::parse(kTwo);
  REQUIRE((before && both && after));
  const std::string old = before->mint("home", 9);
  const std::string fresh = both->mint("home", 9);
  CHECK(verify(*both, old) == before->first());
  CHECK(verify(*both, fresh) == both->first());
  CHECK(verify(*after, fresh));
  CHECK_FALSE(verify(*after, old));
  CHECK(both->has(before->first()));
  CHECK_FALSE(after->has(before->first()));
}

TEST_CASE("no other text than the very token is verified", "[broker][auth]") {
  const auto secrets = TokenSecrets::parse(kOne);
  REQUIRE(secrets);
  const std::string good = secrets->mint("home", 1'900'000'000);
  for (size_t i = 0; i < good.size(); ++i) {
    // Every other character in that place, so that no spare bits of base64 make a second spelling.
    for (char c = '!'; c <= '~'; ++c) {
      std::string odd = good;
      odd[i] = c;
      if (odd != good && verify(*secrets, odd)) FAIL(odd);
    }
  }
  CHECK(verify(*secrets, good));
}

TEST_CASE("a file of secrets that is wrong is refused without a word of what it holds",
          "[broker][auth]") {
  std::string many;
  for (size_t i = 0; i <= limits::kL2TokenSecretsMax; ++i) many += kOne + std::to_string(i) + "\n";
  const std::string file =
      GENERATE_COPY(std::string(), std::string("# nothing\n\n"), kOne.substr(1), kOne + "\nshort\n",
                    std::string(limits::kL2TokenSecretBytesMax + 1, 's'), many);
  const auto secrets = TokenSecrets::parse(file);
  REQUIRE_FALSE(secrets);
  CHECK(secrets.error().code == Errc::kMalformed);
  CHECK(secrets.error().text().find("short") == std::string::npos);
  CHECK(secrets.error().text().find(kOne.substr(1, 8)) == std::string::npos);
}

TEST_CASE("which line of a file of secrets is wrong is said", "[broker][auth]") {
  CHECK(TokenSecrets::parse("# a\n\n" + kOne + "\nshort").error().detail.starts_with("line 4:"));
}

}  // namespace daphnis::broker

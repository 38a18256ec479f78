#include "broker/auth/l2_auth.h"

#include <catch2/catch.hpp>
#include <string>

namespace daphnis::broker {
namespace {

constexpr uint64_t kDayS = 86'400;
constexpr uint64_t kNow = 1'800'000'000;
const std::string kOne = "0123456789abcdef0123456789abcdef";
const std::string kTwo = "fedcba9876543210fedcba9876543210";

TokenSecrets secrets(const std::string& file = kOne) {
  auto read = TokenSecrets::parse(file);
  REQUIRE(read);
  return *read;
}

L2List list(const std::string& file) {
  auto read = L2List::parse(file, L2List::Lines::kIdsAndTokens);
  REQUIRE(read);
  return *read;
}

std::string hex(const TokenDigest& digest) {
  std::string out;
  for (const uint8_t byte : digest) {
    out.push_back("0123456789abcdef"[byte >> 4]);
    out.push_back("0123456789abcdef"[byte & 15]);
  }
  return out;
}

/// The name of the fault; "good": there is none; "exempt": it is let in without a token.
std::string judge(const L2Auth& auth, const std::string& id, const std::string& authorization) {
  const auto judged = auth.judge(id, &authorization, kNow);
  if (!judged) return std::string(name(judged.error()));
  return *judged ? "good" : "exempt";
}

std::string token(const std::string& id, uint64_t until_s = kNow + 1) {
  return "Bearer " + secrets().mint(id, until_s);
}

}  // namespace

TEST_CASE("who may be anybody needs no token", "[broker][auth]") {
  const auto judged = L2Auth().judge("home", nullptr, kNow);
  REQUIRE(judged);
  CHECK_FALSE(*judged);
  CHECK(judge(L2Auth(), "home", "Bearer rubbish") == "exempt");
}

TEST_CASE("a token lets in its own id until it expires", "[broker][auth]") {
  const auto auth = L2Auth::by_token(secrets(), 90);
  CHECK(judge(auth, "home", token("home")) == "good");
  CHECK(judge(auth, "home", "bearer  " + token("home").substr(7)) == "good");
  CHECK(judge(auth, "other", token("home")) == "other_id");
  CHECK(judge(auth, "home", token("home", kNow)) == "expired");
  CHECK(judge(auth, "home", "Basic aG9tZTpob21l") == "malformed");
  CHECK(judge(auth, "home", "Bearer") == "malformed");
  CHECK(judge(auth, "home", "Bearer ") == "malformed");
  CHECK(judge(auth, "home", "Bearer " + std::string(300, 'a')) == "malformed");
  CHECK(judge(auth, "home", "Bearer h\xC3\xB6me.1.x") == "malformed");
  CHECK(judge(auth, "home", "Bearer " + secrets(kTwo).mint("home", kNow + 1)) == "forged");
  CHECK(auth.judge("home", nullptr, kNow).error() == TokenFault::kMissing);
}

TEST_CASE("what is wrong with a token is told only to who has a good one", "[broker][auth]") {
  const auto auth = L2Auth::by_token(secrets(), 90);
  // Neither of these was made by us, so neither its age nor its id is looked at.
  const auto foreign = secrets(kTwo);
  CHECK(judge(auth, "home", "Bearer " + foreign.mint("home", 1)) == "forged");
  CHECK(judge(auth, "home", "Bearer " + foreign.mint("other", kNow + 1)) == "forged");
}

TEST_CASE("a revoked id and a revoked token are out and another token of the id is not",
          "[broker][auth]") {
  auto auth = L2Auth::by_token(secrets(), 90);
  const std::string lost = secrets().mint("home", kNow + 7);
  auth.set_revoked(list("# lost\n" + hex(digest_of_token(lost)) + "\nbad-home\n"));
  CHECK(judge(auth, "home", "Bearer " + lost) == "revoked");
  CHECK(judge(auth, "home", token("home")) == "good");
  CHECK(judge(auth, "bad-home", token("bad-home")) == "revoked");
}

TEST_CASE("a listed L2 is let in without a token unless its id is revoked", "[broker][auth]") {
  auto auth = L2Auth::by_token(secrets(), 90);
  auth.set_exempt(list("old-1\nold-2\n"));
  auth.set_revoked(list("old-2\n"));
  CHECK(auth.judge("old-1", nullptr, kNow).has_value());
  CHECK(auth.judge("old-2", nullptr, kNow).error() == TokenFault::kRevoked);
  CHECK(judge(auth, "old-1", "Bearer rubbish") == "malformed");
}

TEST_CASE("after a reload an L2 stays whose token is only old", "[broker][auth]") {
  auto auth = L2Auth::by_token(secrets(kTwo + "\n" + kOne), 90);
  const std::string authorization = token("home");
  const auto shown = auth.judge("home", &authorization, kNow).value();
  CHECK_FALSE(auth.reason_to_end("home", shown));
  SECTION("its token is revoked") {
    auth.set_revoked(list(hex(shown->shown)));
  }
  SECTION("its id is revoked") {
    auth.set_revoked(list("home"));
  }
  SECTION("the secret of its token is gone") {
    auth.set_secrets(secrets(kTwo));
  }
  CHECK(auth.reason_to_end("home", shown));
}

TEST_CASE("after a reload an L2 without a token stays only while it is listed", "[broker][auth]") {
  auto auth = L2Auth::by_token(secrets(), 90);
  CHECK(auth.reason_to_end("old", std::nullopt));
  auth.set_exempt(list("old"));
  CHECK_FALSE(auth.reason_to_end("old", std::nullopt));
}

TEST_CASE("a token gets its successor once a third of a life is left", "[broker][auth]") {
  const auto auth = L2Auth::by_token(secrets(), 90);
  ShownToken old{.secret = secrets().first(), .until_s = kNow + 30 * kDayS};
  CHECK_FALSE(auth.wants_successor(old, kNow));
  CHECK(auth.wants_successor(old, kNow + 1));
  const std::string successor = auth.succeed("home", old, kNow + 1);
  CHECK(judge(auth, "home", "Bearer " + successor) == "good");
  CHECK(old.until_s == kNow + 1 + 90 * kDayS);
  CHECK_FALSE(auth.wants_successor(old, kNow + 1));
  CHECK_FALSE(L2Auth::by_token(secrets(), 0).wants_successor(old, old.until_s));
}

TEST_CASE("a token of an older secret gets its successor at once and lives no shorter",
          "[broker][auth]") {
  auto auth = L2Auth::by_token(secrets(kTwo + "\n" + kOne), 90);
  ShownToken old{.secret = secrets(kOne).first(), .until_s = kNow + 1'000 * kDayS};
  REQUIRE(auth.wants_successor(old, kNow));
  const std::string successor = auth.succeed("home", old, kNow);
  CHECK(old.until_s == kNow + 1'000 * kDayS);
  auth.set_secrets(secrets(kTwo));
  CHECK(judge(auth, "home", "Bearer " + successor) == "good");
  CHECK_FALSE(auth.reason_to_end("home", old));
  auth.set_revoked(list(hex(digest_of_token(successor))));
  CHECK(auth.reason_to_end("home", old));
}

TEST_CASE("a list with a line that is no id is refused and its text is not repeated",
          "[broker][auth]") {
  const std::string odd = GENERATE(as<std::string>(), "a b", "h\xC3\xB6me", std::string(65, 'q'));
  const auto read = L2List::parse("home\n" + odd + "\n", L2List::Lines::kIdsAndTokens);
  REQUIRE_FALSE(read);
  CHECK(read.error().detail.starts_with("line 2:"));
  CHECK(read.error().detail.find(odd) == std::string::npos);
}

TEST_CASE("64 hex digits are an id as well as the hash of a token", "[broker][auth]") {
  const std::string both(64, 'a');
  CHECK(list(both).has(both));
  TokenDigest digest;
  digest.fill(0xaa);
  CHECK(list(both).has(digest));
  CHECK_FALSE(L2List::parse(both, L2List::Lines::kIds)->has(digest));
  CHECK(list(std::string(64, 'A')).has(digest));
}

TEST_CASE("a certificate lets in the L2 of its name alone", "[broker][auth]") {
  auto auth = L2Auth::by_certificate();
  CHECK(auth.judge_certificate("home", "home") == true);
  CHECK(auth.judge_certificate("home", "other") == std::unexpected(TokenFault::kOtherCertificate));
  CHECK(auth.judge_certificate("home", "") == std::unexpected(TokenFault::kNoCertificate));
  CHECK_FALSE(auth.reason_to_end("home", std::nullopt, true));
  CHECK(auth.reason_to_end("home", std::nullopt, false));
  auth.set_exempt(*L2List::parse("old\n", L2List::Lines::kIds));
  CHECK(auth.judge_certificate("old", "") == false);
  CHECK_FALSE(auth.reason_to_end("old", std::nullopt, false));
  auth.set_revoked(*L2List::parse("home\nold\n", L2List::Lines::kIdsAndTokens));
  CHECK(auth.judge_certificate("home", "home") == std::unexpected(TokenFault::kRevoked));
  CHECK(auth.judge_certificate("old", "") == std::unexpected(TokenFault::kRevoked));
  CHECK(auth.reason_to_end("home", std::nullopt, true));
}

}  // namespace daphnis::broker

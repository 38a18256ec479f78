#include <catch2/catch.hpp>

#include "tests/unit/common/denylist/deny_list.h"

namespace daphnis::test {
namespace {

Cid cid_of(std::string_view text) {
  return *Cid::from_text(text);
}

/// The line that denies this path; 0: none does.
uint32_t rule_for(const ListOf& list, std::string_view root, std::vector<std::string> path = {}) {
  const auto denial = list->judge(cid_of(root), path).denial;
  return denial ? denial->rule : 0;
}

uint32_t rule_for_block(const ListOf& list, std::string_view cid) {
  const auto denial = list->judge_block(cid_of(cid));
  return denial ? denial->rule : 0;
}

// Three spellings of one multihash.
constexpr std::string_view kPb = "bafybeihvvulpp4evxj7x7armbqcyg6uezzuig6jp3lktpbovlqfkuqeuoq";
constexpr std::string_view kRaw = "bafkreihvvulpp4evxj7x7armbqcyg6uezzuig6jp3lktpbovlqfkuqeuoq";
constexpr std::string_view kV0 = "QmesfgDQ3q6prBy2Kg2gKbW4MAGuWiRP2DVuGA5MZSERLo";
constexpr std::string_view kOther = "QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8";

}  // namespace

TEST_CASE("a content is denied by its multihash, whichever CID names it", "[denylist]") {
  const ListOf list({"/ipfs/" + std::string(kPb) + "\n"});
  REQUIRE(list.error);
  for (const auto cid : {kPb, kRaw, kV0}) {
    CHECK(rule_for(list, cid) == 1);
    CHECK(rule_for_block(list, cid) == 1);
    // The root is a block of every answer below it.
    CHECK(rule_for(list, cid, {"a", "b"}) == 1);
  }
  CHECK(rule_for(list, kOther) == 0);
  CHECK(rule_for_block(list, kOther) == 0);
}

TEST_CASE("a path is denied exactly, and not what it leads to or what is below", "[denylist]") {
  const ListOf list({"/ipfs/" + std::string(kPb) + "/a%20b/c/\n"});
  CHECK(rule_for(list, kRaw, {"a b", "c"}) == 1);
  CHECK(rule_for(list, kPb) == 0);
  CHECK(rule_for(list, kPb, {"a b"}) == 0);
  CHECK(rule_for(list, kPb, {"a b", "c", "d"}) == 0);
  CHECK(rule_for(list, kPb, {"a%20b", "c"}) == 0);
  CHECK(rule_for_block(list, kPb) == 0);
}

TEST_CASE("a star denies what begins so, with or without a slash before it", "[denylist]") {
  const auto star = GENERATE("/test*", "/test/*");
  const ListOf list({"/ipfs/" + std::string(kPb) + star + "\n"});
  CHECK(rule_for(list, kPb, {"test"}) == 1);
  CHECK(rule_for(list, kPb, {"tests"}) == 1);
  CHECK(rule_for(list, kPb, {"test", "x", "y"}) == 1);
  CHECK(rule_for(list, kPb, {"tes"}) == 0);
  CHECK(rule_for(list, kPb, {"x", "test"}) == 0);
  CHECK(rule_for(list, kPb) == 0);
  CHECK(rule_for_block(list, kPb) == 0);
  CHECK(rule_for(list, kOther, {"test"}) == 0);
}

TEST_CASE("a star after the CID denies the content and all below it", "[denylist]") {
  const ListOf list({"/ipfs/" + std::string(kOther) + "/*\n"});
  CHECK(rule_for(list, kOther) == 1);
  CHECK(rule_for(list, kOther, {"x"}) == 1);
  CHECK(rule_for_block(list, kOther) == 1);
}

TEST_CASE("the last rule that matches decides, whatever its form and file", "[denylist]") {
  const std::string root = "/ipfs/" + std::string(kPb);
  const ListOf list({root + "/blocked*\n!" + root + "/blockednot\n!" + root + "/blocked/not\n",
                     "# a comment\n!" + root + "/blocked/fine*\n" + root + "/blocked/fine/no\n"});
  CHECK(rule_for(list, kPb, {"blocked"}) == 1);
  CHECK(rule_for(list, kPb, {"blockednot"}) == 0);
  CHECK(rule_for(list, kPb, {"blocked", "not"}) == 0);
  CHECK(rule_for(list, kPb, {"blocked", "not", "x"}) == 1);
  CHECK(rule_for(list, kPb, {"blocked", "fine", "x"}) == 0);
  CHECK(rule_for(list, kPb, {"blocked", "fine", "no"}) == 6);

  const ListOf again({"!" + root + "\n" + root + "\n"});
  CHECK(rule_for(again, kPb) == 2);
  const ListOf undone({root + "\n", "!" + root + "\n"});
  CHECK(rule_for(undone, kPb) == 0);
  CHECK(rule_for_block(undone, kPb) == 0);
}

TEST_CASE("an exception below a denied root is served past the root", "[denylist]") {
  const std::string root = "/ipfs/" + std::string(kPb);
  const ListOf list({root + "/*\n!" + root + "/fine\n"});
  const std::vector<std::string> path{"fine"};
  const DenyVerdict verdict = list->judge(cid_of(kPb), path);
  CHECK_FALSE(verdict.denial);
  CHECK(verdict.is_excepted);
  CHECK(rule_for(list, kPb) == 1);
  CHECK(rule_for_block(list, kPb) == 1);
}

TEST_CASE("double-hashed lines deny as the plain ones do", "[denylist]") {
  // base58btc of SHA-256 of "QmVTF1yEejXd9iMgoRTFDxBv7HAz9kuZcQNBzHrceuK9HR".
  const ListOf list(
      {"//QmX9dhRcQcKUw3Ws8485T5a9dtjrSCQaUAHnG4iK9i4ceM\n"
       // The same of "gW7Nhu4HrfDtphEivm3Z9NNE7gpdh5Tga8g6JNZc1S8E47/path".
       "//QmbK7LDv5NNBvYQzNfm2eED17SNLt1yNMapcUhSuNLgkqz\n"});
  REQUIRE(list.error);
  for (const auto cid : {"QmVTF1yEejXd9iMgoRTFDxBv7HAz9kuZcQNBzHrceuK9HR",
                         "bafybeidjwik6im54nrpfg7osdvmx7zojl5oaxqel5cmsz46iuelwf5acja"}) {
    CHECK(rule_for(list, cid) == 1);
    CHECK(rule_for_block(list, cid) == 1);
  }
  constexpr std::string_view kBlake3 =
      "bafyb4ieqht3b2rssdmc7sjv2cy2gfdilxkfh7623nvndziyqnawkmo266a";
  CHECK(rule_for(list, kBlake3, {"path"}) == 2);
  CHECK(rule_for(list, kBlake3, {"path2"}) == 0);
  CHECK(rule_for(list, kBlake3) == 0);
}

TEST_CASE("a list may be double-hashed by another function", "[denylist]") {
  // base58btc of blake3 of "gW7Nhu4HrfDtphEivm3Z9NNE7gpdh5Tga8g6JNZc1S8E47/path".
  const ListOf list({"//gW813G35CnLsy7gRYYHuf63hrz71U1xoLFDVeV7actx6oX\n"});
  REQUIRE(list.error);
  CHECK(list.counts.rules == 1);
  constexpr std::string_view kBlake3 =
      "bafyb4ieqht3b2rssdmc7sjv2cy2gfdilxkfh7623nvndziyqnawkmo266a";
  CHECK(rule_for(list, kBlake3, {"path"}) == 1);
  CHECK(rule_for(list, kBlake3, {"path2"}) == 0);
}

TEST_CASE("anchors of badbits deny a CID, and its block by each codec", "[denylist]") {
  const ListOf list(
      {"//d9d295bde21f422d471a90f2a37ec53049fdf3e5fa3ee2e8f20e10003da429e7\n"
       "//3F8B9FEBD851873B3774B937CCE126910699CEAC56E72E64B866F8E258D09572\n"});
  REQUIRE(list.error);
  constexpr std::string_view kRoot = "bafybeiefwqslmf6zyyrxodaxx4vwqircuxpza5ri45ws3y5a62ypxti42e";
  const Cid pb = cid_of(kRoot);
  const std::string raw = Cid::v1(codec::kRaw, pb.hash_code(), pb.digest())->text();
  CHECK(rule_for(list, kRoot) == 1);
  CHECK(rule_for_block(list, kRoot) == 1);
  CHECK(rule_for_block(list, raw) == 1);
  const ListOf path({"//3f8b9febd851873b3774b937cce126910699ceac56e72e64b866f8e258d09572\n"});
  CHECK(rule_for(path, kRoot, {"path"}) == 1);
  CHECK(rule_for(path, kRoot, {"paths"}) == 0);
  CHECK(rule_for(path, kRoot) == 0);
}

TEST_CASE("a hint makes a denial a legal one, by the header or by the line", "[denylist]") {
  const std::string rules = "/ipfs/" + std::string(kPb) + " gateway_status:410 other:1\n/ipfs/" +
                            std::string(kOther) + "\n";
  const auto is_legal = [](const ListOf& list, std::string_view cid) {
    REQUIRE(list.error);
    return list->judge_block(cid_of(cid)).value().is_legal;
  };
  const ListOf by_header({"version: 1\nname: ours\nhints:\n  gateway_status: 451\n---\n" + rules});
  CHECK_FALSE(is_legal(by_header, kPb));
  CHECK(is_legal(by_header, kOther));
  CHECK(rule_for(by_header, kOther) == 7);
  const ListOf flow({"hints: {gateway_status: \"451\", a: b}\n---\n" + rules});
  CHECK(is_legal(flow, kOther));
  const ListOf by_line(
      {"/ipfs/" + std::string(kPb) + "  gateway_status=451\n/ipfs/" + std::string(kOther) + "\n"});
  CHECK(is_legal(by_line, kPb));
  CHECK_FALSE(is_legal(by_line, kOther));
}

TEST_CASE("a table finds all of many rules, and nothing else", "[denylist]") {
  DenyTableWriter writer;
  const auto text = [](size_t n) { return "content " + std::to_string(n); };
  const auto cid = [&](size_t n) {
    return *Hasher().cid_of(codec::kRaw, hash::kSha2_256, as_bytes(text(n)));
  };
  constexpr size_t kRules = 5'000;
  std::string lines;
  for (size_t n = 0; n < kRules; ++n) lines += "/ipfs/" + cid(n).text() + "\n";
  const ListOf list({lines});
  REQUIRE(list.error);
  CHECK(list->rules() == kRules);
  for (size_t n = 0; n < kRules; ++n) REQUIRE(list->judge_block(cid(n))->rule == n + 1);
  for (size_t n = kRules; n < 2 * kRules; ++n) REQUIRE_FALSE(list->judge_block(cid(n)));
}

TEST_CASE("memory that holds no table is refused", "[denylist]") {
  std::vector<uint64_t> words(100);
  CHECK_FALSE(DenyTable::open({reinterpret_cast<const uint8_t*>(words.data()), 800}));
  CHECK_FALSE(DenyTable::open({}));
}

TEST_CASE("an empty list denies nothing", "[denylist]") {
  const ListOf list({"", "# nothing\n"});
  REQUIRE(list.error);
  CHECK(rule_for(list, kPb) == 0);
  CHECK(list->id() == 7);
}

}  // namespace daphnis::test

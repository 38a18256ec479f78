#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/unit/common/denylist/deny_list.h"

namespace daphnis::test {
namespace {

constexpr std::string_view kCid = "QmdWFA9FL52hx3j9EJZPQP1ZUH8Ygi5tLCX2cRDs6knSf8";

/// Notes all rules as text.
class Notes final : public DenyRuleSink {
 public:
  bool on_rule(const DenyRule& rule) override {
    text += std::to_string(rule.line) + ":" + std::to_string(rule.key.high) + "," +
            std::to_string(static_cast<int>(rule.match)) + (rule.allows ? "!" : "") +
            (rule.is_legal ? "L" : "") + "\n";
    return true;
  }
  bool on_hash_function(uint64_t code) override {
    text += "hash " + std::to_string(code) + "\n";
    return true;
  }
  std::string text;
};

std::string error_of(const std::string& text) {
  const ListOf list({text});
  return list.error ? "" : list.error.error().detail;
}

}  // namespace

TEST_CASE("a list is read alike in pieces of any size", "[denylist]") {
  const std::string text = "version: 1\nhints:\n  gateway_status: 451\n---\n# why\n\n/ipfs/" +
                           std::string(kCid) +
                           "/a*\r\n!//QmX9dhRcQcKUw3Ws8485T5a9dtjrSCQaUAHnG4iK9i4ceM" +
                           " gateway_status:410\n/ipns/domain.example\n"
                           "//gW813G35CnLsy7gRYYHuf63hrz71U1xoLFDVeV7actx6oX";
  const auto read = [&](size_t first, size_t piece) {
    Notes notes;
    DenylistParser parser(notes);
    REQUIRE(parser.on_text(std::string_view(text).substr(0, first)));
    for (size_t at = first; at < text.size(); at += piece) {
      REQUIRE(parser.on_text(std::string_view(text).substr(at, piece)));
    }
    REQUIRE(parser.on_end());
    CHECK(parser.counts().rules == 3);
    CHECK(parser.counts().exceptions == 1);
    CHECK(parser.counts().ipns == 1);
    CHECK(parser.lines() == 10);
    return notes.text;
  };
  const std::string whole = read(text.size(), 1);
  CHECK(std::ranges::count(whole, '\n') == 5);
  CHECK(read(0, 1) == whole);
  for (size_t first = 0; first < text.size(); ++first) CHECK(read(first, text.size()) == whole);
}

TEST_CASE("a line that is no rule is named by its number", "[denylist]") {
  const std::string good = "/ipfs/" + std::string(kCid) + "\n";
  CHECK(error_of(good + good).empty());
  CHECK(error_of(good + "/ipfs/nonsense\n") == "2: no CID");
  CHECK(error_of(good + "\n# x\nnonsense\n") == "4: a rule begins with /ipfs/, /ipns/ or //");
  CHECK(error_of("//nonsense\n") == "1: neither a multihash in base58btc nor a SHA-256 in hex");
  CHECK(error_of("/ipfs/" + std::string(kCid) + "/%zz\n") == "1: the path is not percent-encoded");
  CHECK(error_of("//d9d295bde21f422d471a90f2a37ec53049fdf3e5fa3ee2e8f20e10003da429\n") ==
        "1: neither a multihash in base58btc nor a SHA-256 in hex");
  CHECK(error_of("name: x\n---\n" + good + "/what\n") ==
        "4: a rule begins with /ipfs/, /ipns/ or //");
}

TEST_CASE("a header of another version, or that is none, is refused", "[denylist]") {
  CHECK(error_of("version: 2\n---\n") == "1: a list of version 2, and only 1 is known");
  CHECK(error_of("version: \"1\"\nname: a\n---\n").empty());
  CHECK(error_of("name: a\nwhat is this\n---\n") == "2: no field of a header");
  CHECK(error_of("description: >\n  lines\n  of text\n---\n").empty());
}

TEST_CASE("without its end there is no header, and all is lines", "[denylist]") {
  CHECK(error_of("version: 1\nname: x\n") == "1: a rule begins with /ipfs/, /ipns/ or //");
  std::string long_text;
  while (long_text.size() < limits::kDenyHeaderBytesMax) {
    long_text += "/ipfs/" + std::string(kCid) + "\n";
  }
  CHECK(error_of(long_text).empty());
  CHECK(error_of(long_text + "---\n").ends_with("a rule begins with /ipfs/, /ipns/ or //"));
}

TEST_CASE("what is too long is refused, and what is unknown is passed over", "[denylist]") {
  const std::string root = "/ipfs/" + std::string(kCid);
  CHECK(error_of(root + "/" + std::string(limits::kDenyPrefixBytesMax, 'a') + "*\n").empty());
  CHECK(error_of(root + "/" + std::string(limits::kDenyPrefixBytesMax + 1, 'a') + "*\n") ==
        "1: the path before the * is too long");
  CHECK(error_of(root + "\n#" + std::string(limits::kDenyLineBytesMax, 'a') + "\n") ==
        "2: the line is too long");
  // A digest of sha1, by which nobody can prove anything.
  const ListOf sha1({"//5drNu81uhrFLRiS4bxWgAkpydaLUPW\n"});
  REQUIRE(sha1.error);
  CHECK(sha1.counts.hashes == 1);
  CHECK(sha1.counts.rules == 0);
}

}  // namespace daphnis::test

#include "common/request/request_target.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

using namespace daphnis;
using namespace daphnis::http;

namespace {

constexpr std::string_view kCid = "bafkreihhpc5y2pqvl5rbe5uuyhqjouybfs3rvlmisccgzue2kkt5zq6upq";

std::string split(std::string_view text) {
  const auto target = split_target(text);
  if (!target) return std::string(target.error().code);
  return std::string(target->path) + "|" + std::string(target->query);
}

/// The segments joined by '|', or the refusal's code.
std::string segments(std::string_view below) {
  const auto path = parse_ipfs_path("/ipfs/" + std::string(kCid) + std::string(below));
  if (!path) return std::to_string(path.error().status) + " " + std::string(path.error().code);
  std::string text;
  for (const std::string& segment : path->segments) text += segment + "|";
  return text;
}

}  // namespace

TEST_CASE("every form of target is split or refused", "[http][target]") {
  CHECK(split("/a/b?c=d&e") == "/a/b|c=d&e");
  CHECK(split("/a??") == "/a|?");
  CHECK(split("/") == "/|");
  CHECK(split("*") == "*|");
  CHECK(split("http://other:80/a?b") == "/a|b");
  CHECK(split("HTTPS://other") == "/|");
  CHECK(split("http://other?b") == "/|b");
  CHECK(split("http:///a") == "bad_target");
  CHECK(split("ftp://other/a") == "bad_target");
  CHECK(split("a") == "bad_target");
  CHECK(split("a:443") == "bad_target");
  CHECK(split("/a#b") == "bad_target");
  CHECK(split("") == "bad_target");
}

TEST_CASE("escapes are decoded once and encoded back", "[http][target]") {
  const auto decoded = [](std::string_view text) {
    std::string out;
    return percent_decode(text, out) ? out : "bad";
  };
  CHECK(decoded("a%20b%2f%2F%25") == "a b//%");
  CHECK(decoded("%2541") == "%41");
  CHECK(decoded("+") == "+");
  for (std::string_view bad : {"%", "%4", "%zz", "a%4g", "%%41", "% 41"}) {
    CAPTURE(bad);
    CHECK(decoded(bad) == "bad");
  }
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  CHECK(decoded(percent_encode(every)) == every);
  CHECK(percent_encode("a b/\xc3\xa4~") == "a%20b%2F%C3%A4~");
}

TEST_CASE("a query gives values by key and reports repeated keys", "[http][target]") {
  const auto query = Query::parse("format=car&&a=1&a=1&b=x+y%2B&c&d==&=e");
  REQUIRE(query);
  CHECK(*query->find("format") == "car");
  CHECK(*query->find("b") == "x y+");
  CHECK(query->find("c")->empty());
  CHECK(*query->find("d") == "=");
  CHECK(query->find("e") == nullptr);
  CHECK(query->is_repeated("a"));
  CHECK_FALSE(query->is_repeated("format"));
  CHECK_FALSE(query->is_repeated("none"));
  CHECK(Query::parse("")->find("") == nullptr);
  CHECK_FALSE(Query::parse("a=%"));
  CHECK_FALSE(Query::parse("%g1=a"));
  std::string many;
  for (size_t i = 0; i < limits::kHttpQueryFieldsMax; ++i) many += "a&";
  CHECK(Query::parse(many));
  CHECK(Query::parse(many + "a").error().code == "too_many_parameters");
}

TEST_CASE("all spellings of a path are read as the same segments", "[http][target]") {
  CHECK(segments("") == "");
  CHECK(segments("/") == "");
  CHECK(segments("//") == "");
  CHECK(segments("/a/b") == "a|b|");
  CHECK(segments("//a///b/") == "a|b|");
  CHECK(segments("/%61/b") == "a|b|");
  CHECK(segments("/%c3%a4") == "\xc3\xa4|");
  CHECK(segments("/a%20b+c") == "a b+c|");
  CHECK(segments("/...") == "...|");
  CHECK(segments("/.a/..b") == ".a|..b|");
  CHECK(segments("/%252e%252e") == "%2e%2e|");
  CHECK(segments("/a\\b") == "a\\b|");
}

TEST_CASE("path tricks are refused", "[http][target]") {
  for (std::string_view bad : {"/.", "/..", "/a/../b", "/%2e%2e", "/%2e", "/.%2E/x", "/a%2fb",
                               "/a%2F", "/%00", "/a%00b", "/%ff", "/%c3", "/%ed%a0%80"}) {
    CAPTURE(bad);
    CHECK(segments(bad) == "400 bad_path");
  }
  CHECK(segments("/%") == "400 bad_escape");
  CHECK(segments("/a%4") == "400 bad_escape");
  std::string deep;
  for (size_t i = 0; i < limits::kPathSegmentsMax; ++i) deep += "/a";
  CHECK(segments(deep).size() == 2 * limits::kPathSegmentsMax);
  CHECK(segments(deep + "/a") == "400 path_too_deep");
}

TEST_CASE("every spelling of a CID is one CID", "[http][target]") {
  const auto root = parse_ipfs_path("/ipfs/" + std::string(kCid));
  REQUIRE(root);
  std::string upper(kCid);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  CHECK(parse_ipfs_path("/ipfs/" + upper).value() == *root);
  CHECK(parse_ipfs_path("/ipfs/%62" + std::string(kCid.substr(1))).value() == *root);
  std::string hex = "f";
  for (uint8_t byte : root->root.bytes()) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  CHECK(parse_ipfs_path("/ipfs/" + hex).value() == *root);
  CHECK(to_text(*parse_ipfs_path("/ipfs/" + hex + "//a%62/")) ==
        "/ipfs/" + std::string(kCid) + "/ab");
}

TEST_CASE("paths outside ipfs and bad CIDs have their own codes", "[http][target]") {
  const auto code = [](std::string_view path) {
    const auto read = parse_ipfs_path(path);
    REQUIRE_FALSE(read);
    return std::to_string(read.error().status) + " " + std::string(read.error().code);
  };
  CHECK(code("/") == "404 unknown_path");
  CHECK(code("/ipfs") == "404 unknown_path");
  CHECK(code("/IPFS/x") == "404 unknown_path");
  CHECK(code("*") == "404 unknown_path");
  CHECK(code("/ipns/example.org") == "501 ipns_unsupported");
  CHECK(code("/ipfs/") == "400 bad_cid");
  CHECK(code("/ipfs/x") == "400 bad_cid");
  CHECK(code("/ipfs//" + std::string(kCid)) == "400 bad_cid");
  CHECK(code("/ipfs/../ipfs/" + std::string(kCid)) == "400 bad_cid");
  CHECK(code("/ipfs/%zz") == "400 bad_escape");
  CHECK(code("/ipfs/" + std::string(8000, 'b')) == "400 bad_cid");
}

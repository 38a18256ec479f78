#include "common/request/data_target.h"

#include <catch2/catch.hpp>

#include <string>

#include "common/http/http_parser.h"

namespace daphnis {
namespace {

const std::string kCid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
const std::string kId = "f9ed4675-f1c5-4513-861a-3b3b4e25b4c0";

http::Head head_of(const std::string& line, const std::string& fields = "") {
  http::Parser parser(http::Parser::Kind::kRequest);
  const std::string text = line + " HTTP/1.1\r\nHost: l1\r\n" + fields + "\r\n";
  REQUIRE(parser.step(as_bytes(text)).event == http::Parser::Event::kHead);
  return parser.head();
}

}  // namespace

TEST_CASE("a delivery says its root and its request id in any of three ways",
          "[common][data_target]") {
  for (const std::string& rest : {"?requestId=" + kId, "/" + kId, "?a=b&requestId=" + kId + "&c"}) {
    CAPTURE(rest);
    const auto target = read_data_target(head_of("PUT /data/" + kCid + rest));
    REQUIRE(target);
    CHECK(target->root.text() == kCid);
    CHECK(target->attempt_id == parse_uuid(kId));
    CHECK_FALSE(target->not_found);
    CHECK_FALSE(target->acknowledges_cancel);
  }
  const auto bare = read_data_target(head_of("POST /data/" + kCid));
  REQUIRE(bare);
  CHECK_FALSE(bare->attempt_id);
}

TEST_CASE("a delivery says by its fields what it lacks, and that it was cancelled",
          "[common][data_target]") {
  const auto target = read_data_target(
      head_of("POST /data/" + kCid, "Daphnis-Not-Found: block\r\nDaphnis-Cancelled: 1\r\n"));
  REQUIRE(target);
  CHECK(target->not_found == NotFound::kBlock);
  CHECK(target->acknowledges_cancel);
}

TEST_CASE("what is no delivery has its reply", "[common][data_target]") {
  const auto code = [](const std::string& line) {
    const auto target = read_data_target(head_of(line));
    REQUIRE_FALSE(target);
    return std::to_string(target.error().status) + " " + std::string(target.error().code);
  };
  CHECK(code("GET /data/" + kCid) == "405 method_not_allowed");
  CHECK(code("POST /data/") == "400 bad_cid");
  CHECK(code("POST /data/x") == "400 bad_cid");
  CHECK(code("POST /data/" + kCid + "/") == "400 bad_request_id");
  CHECK(code("POST /data/" + kCid + "?requestId=7") == "400 bad_request_id");
}

}  // namespace daphnis

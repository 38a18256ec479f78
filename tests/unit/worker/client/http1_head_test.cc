#include "worker/client/http1_head.h"

#include <catch2/catch.hpp>

#include "common/http/http_parser.h"

namespace daphnis::worker {
namespace {

/// The value of a field of the head; empty where it has none.
std::string field(const Http1Head& head, std::string_view name) {
  http::Parser parser(http::Parser::Kind::kResponse);
  REQUIRE(parser.step(as_bytes(head.text)).event == http::Parser::Event::kHead);
  const std::string* value = parser.head().find(name);
  return value ? *value : "";
}

}  // namespace

TEST_CASE("a body of unknown length is chunked", "[worker][client]") {
  const Http1Head head = http1_head({}, {});
  CHECK(head.framing == Framing::kChunked);
  CHECK(head.keeps_open);
  CHECK(field(head, "transfer-encoding") == "chunked");
  CHECK(field(head, "content-length").empty());
}

TEST_CASE("a body of known length says it", "[worker][client]") {
  const Http1Head head = http1_head({.length = 5}, {});
  CHECK(head.framing == Framing::kLength);
  CHECK(field(head, "content-length") == "5");
  CHECK(field(head, "transfer-encoding").empty());
}

TEST_CASE("the fields of the response stand in the head", "[worker][client]") {
  Response response{.status = 206, .length = 3};
  response.fields.add("Content-Range", "bytes 0-2/9");
  const Http1Head head = http1_head(response, {});
  CHECK(head.text.starts_with("HTTP/1.1 206 Partial Content\r\n"));
  CHECK(field(head, "content-range") == "bytes 0-2/9");
}

TEST_CASE("HTTP 1.0 gets a body of unknown length to the close", "[worker][client]") {
  const Http1Head head = http1_head({}, {.minor = 0});
  CHECK(head.framing == Framing::kToClose);
  CHECK_FALSE(head.keeps_open);
  CHECK(field(head, "transfer-encoding").empty());
  CHECK(field(head, "connection") == "close");
}

TEST_CASE("HTTP 1.0 can keep a connection where the length is known", "[worker][client]") {
  const Http1Head head = http1_head({.length = 5}, {.minor = 0});
  CHECK(head.framing == Framing::kLength);
  CHECK(head.keeps_open);
  CHECK(field(head, "connection") == "keep-alive");
}

TEST_CASE("the last response of a connection says so, but for a chunked one", "[worker][client]") {
  const bool is_last = GENERATE(true, false);
  const Http1Request request{.keep_alive = is_last};  // Either side may want it.
  const Http1Head known = http1_head({.length = 5, .is_last = is_last}, request);
  CHECK_FALSE(known.keeps_open);
  CHECK(field(known, "connection") == "close");
  const Http1Head chunked = http1_head({.is_last = is_last}, request);
  CHECK(chunked.framing == Framing::kChunked);
  CHECK_FALSE(chunked.keeps_open);
  CHECK(field(chunked, "connection").empty());
}

TEST_CASE("HEAD gets the head of the GET and no body", "[worker][client]") {
  const Http1Request head_request{.is_head = true};
  CHECK(http1_head({}, head_request).framing == Framing::kNone);
  const Http1Head known = http1_head({.length = 7}, head_request);
  CHECK(known.framing == Framing::kNone);
  CHECK(field(known, "content-length") == "7");
}

TEST_CASE("a status without a body has no length either", "[worker][client]") {
  const Http1Head head = http1_head({.status = GENERATE(204, 304), .length = 0}, {});
  CHECK(head.framing == Framing::kNone);
  CHECK(field(head, "content-length").empty());
  CHECK(field(head, "transfer-encoding").empty());
}

}  // namespace daphnis::worker

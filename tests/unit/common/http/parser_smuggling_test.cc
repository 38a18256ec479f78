#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/unit/common/http/parse_helper.h"

using namespace daphnis;
using namespace daphnis::http;

namespace {

struct Case {
  std::string text;
  std::string refused;  ///< The last event.
};

std::string last_event(std::string_view text) {
  const auto events = parse(Parser::Kind::kRequest, text).events;
  return events.empty() ? "nothing" : events.back();
}

std::string post(std::string_view lines, std::string_view rest = {}) {
  return "POST /d HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n" + std::string(rest);
}

std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

}  // namespace

TEST_CASE("a malformed start line is refused", "[http][parser][smuggling]") {
  const std::vector<Case> cases = {
      {"\x16\x03\x01\x02", "400 bad_start_line"},
      {" GET / HTTP/1.1\r\n", "400 bad_start_line"},
      {"GET  / HTTP/1.1\r\n", "400 bad_target"},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400 bad_start_line"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400 bad_start_line"},
      {"GET\t/ HTTP/1.1\r\n", "400 bad_start_line"},
      {"GET /\r\n\r\n", "400 bad_target"},
      {"GET / \r\n\r\n", "400 bad_start_line"},
      {"GET /\x01 HTTP/1.1\r\n", "400 bad_target"},
      {"GET /\xc3\xa4 HTTP/1.1\r\n", "400 bad_target"},
      {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400 malformed"},
      {"GET / HTTP/1.1\nHost: a\n\n", "400 bad_start_line"},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", "400 bare_cr"},
      {"GET / HTTX/1.1\r\nHost: a\r\n\r\n", "400 bad_start_line"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", "400 bad_start_line"},
      {"GET / HTTP/11\r\nHost: a\r\n\r\n", "400 bad_start_line"},
      {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", "505 version_unsupported"},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505 version_unsupported"},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505 version_unsupported"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 version_unsupported"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(last_event(c.text) == "refused " + c.refused);
  }
}

TEST_CASE("a malformed header line is refused", "[http][parser][smuggling]") {
  const std::vector<Case> cases = {
      {"X : y\r\n", "400 bad_header_name"},
      {": y\r\n", "400 bad_header_name"},
      {"X\r\n", "400 bad_header_name"},
      {"X\xc3: y\r\n", "400 bad_header_name"},
      {"X: a\r\n b\r\n", "400 obs_fold"},
      {"X: a\r\n\tb\r\n", "400 obs_fold"},
      {" X: a\r\n", "400 obs_fold"},
      {"X: a\nY: b\r\n", "400 bad_header_value"},
      {"X: a\rY: b\r\n", "400 bare_cr"},
      {"X: a\r\r\n", "400 bare_cr"},
      {"X:\r\n\rY: b\r\n", "400 bare_cr"},
      {std::string("X: a\0b\r\n", 8), "400 bad_header_value"},
      {std::string("X\0: b\r\n", 7), "400 bad_header_name"},
      {"X: a\x0b\r\n", "400 bad_header_value"},
      {"X: a\x7f\r\n", "400 bad_header_value"},
      {"\nX: a\r\n", "400 bad_header_name"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(last_event(post(c.text)) == "refused " + c.refused);
  }
}

TEST_CASE("ambiguous framing is refused", "[http][parser][smuggling]") {
  const std::vector<Case> cases = {
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "400 length_and_encoding"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400 length_and_encoding"},
      {"Transfer-Encoding: chunked, identity\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: chunked, chunked\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: chunked;a=b\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
       "400 bad_transfer_encoding"},
      {"Transfer-Encoding:\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: ,\r\n", "400 bad_transfer_encoding"},
      {"Transfer-Encoding: xchunked\r\n", "501 transfer_coding_unknown"},
      {"Transfer-Encoding: identity\r\n", "501 transfer_coding_unknown"},
      {"Transfer-Encoding: gzip, chunked\r\n", "501 transfer_coding_unknown"},
      {"Transfer-Encoding: \"chunked\"\r\n", "501 transfer_coding_unknown"},
      {"Transfer-Encoding: chunked\x0b\r\n", "400 bad_header_value"},
      {"Transfer-Encoding : chunked\r\n", "400 bad_header_name"},
      {"Content-Length: 5\r\nContent-Length: 6\r\n", "400 repeated_content_length"},
      {"Content-Length: 5\r\nContent-Length: 5\r\n", "400 repeated_content_length"},
      {"Content-Length: 5,5\r\n", "400 bad_content_length"},
      {"Content-Length: 5, 5\r\n", "400 bad_content_length"},
      {"Content-Length: +5\r\n", "400 bad_content_length"},
      {"Content-Length: -5\r\n", "400 bad_content_length"},
      {"Content-Length: 0x5\r\n", "400 bad_content_length"},
      {"Content-Length: 5 5\r\n", "400 bad_content_length"},
      {"Content-Length:\r\n", "400 bad_content_length"},
      {"Content-Length: 9223372036854775808\r\n", "400 bad_content_length"},
      {"Content-Length: 18446744073709551616\r\n", "400 bad_content_length"},
      {"Content-Length: 18446744073709551621\r\n", "400 bad_content_length"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(last_event(post(c.text, "0\r\n\r\n")) == "refused " + c.refused);
  }
  CHECK(last_event("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "refused 400 transfer_encoding_on_http_1_0");
}

TEST_CASE("white space around chunked does not hide it", "[http][parser][smuggling]") {
  for (std::string value :
       {"chunked", " chunked", "\tchunked", "chunked \t", ",chunked", "CHUNKED"}) {
    CAPTURE(value);
    const auto events = parse(Parser::Kind::kRequest,
                              post("Transfer-Encoding:" + value + "\r\n", "1\r\nx\r\n0\r\n\r\n"))
                            .events;
    const bool read = events.size() == 3 && events[1] == "body x" && events[2] == "end";
    const bool refused = events.back().starts_with("refused 400");
    CHECK((read || refused));
  }
}

TEST_CASE("a Host is required once and well formed", "[http][parser][smuggling]") {
  const auto with = [](std::string_view lines) {
    return last_event("GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n");
  };
  CHECK(with("") == "refused 400 no_host");
  CHECK(with("Host: a\r\nhost: a\r\n") == "refused 400 repeated_host");
  CHECK(last_event("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == "refused 400 repeated_host");
  for (std::string good : {"a", "a.b:8080", "[::1]", "[::1]:80", "", "a:", "192.0.2.1:1"}) {
    CAPTURE(good);
    CHECK(with("Host: " + good + "\r\n") == "end");
  }
  for (std::string bad :
       {"a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "[]", "[::1]x", "a?b", "a#b", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK(with("Host: " + bad + "\r\n") == "refused 400 bad_host");
  }
}

TEST_CASE("tricks with chunks are refused", "[http][parser][smuggling]") {
  const std::vector<Case> cases = {
      {"5\nhello\r\n0\r\n\r\n", "400 bad_chunk"},
      {"5\r\nhello\n0\r\n\r\n", "400 bad_chunk"},
      {"5\r\nhello0\r\n\r\n", "400 malformed"},
      {"5\r\nhelloX\r\n0\r\n\r\n", "400 malformed"},
      {"5\rXhello", "400 bad_chunk"},
      {"\r\n5\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {"0x5\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {"+5\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {"-5\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {" 5\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {";a\r\nhello\r\n0\r\n\r\n", "400 malformed"},
      {"FFFFFFFFFFFFFFFF0\r\n", "400 malformed"},
      {"10000000000000000\r\n", "400 malformed"},
      {"5;a\nb\r\nhello\r\n0\r\n\r\n", "400 bad_chunk"},
      {"5;a\rb\r\nhello\r\n0\r\n\r\n", "400 bad_chunk"},
      {std::string("5;a\0\r\nhello", 11), "400 bad_chunk"},
      {"5;" + std::string(1 << 20, 'x') + "\r\n", "400 chunk_line_too_long"},
      {std::string(1 << 20, '0') + "5\r\n", "400 chunk_line_too_long"},
      {"0\r\nContent-Length: 5\r\n\r\n", "400 bad_trailer"},
      {"0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 bad_trailer"},
      {"0\r\nhost: b\r\n\r\n", "400 bad_trailer"},
      {"0\r\nX: y\n\r\n", "400 bad_header_value"},
      {"0\r\nX : y\r\n\r\n", "400 bad_header_name"},
      {"0\r\n X: y\r\n\r\n", "400 obs_fold"},
      {"0\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n", "431 head_too_large"},
      {"0\r\n\n", "400 bad_header_name"},
      {"0\n\r\n", "400 bad_chunk"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text.substr(0, 60));
    CHECK(last_event(chunked(c.text)) == "refused " + c.refused);
  }
}

TEST_CASE("a body on GET never turns into a request", "[http][parser][smuggling]") {
  const std::string smuggled = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto events =
      parse(Parser::Kind::kRequest,
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(smuggled.size()) +
                "\r\n\r\n" + smuggled + "GET /two HTTP/1.1\r\nHost: a\r\n\r\n")
          .events;
  REQUIRE(events.size() == 5);
  CHECK(events[1] == "body " + smuggled);
  CHECK(events[3].starts_with("head GET /two"));
}

TEST_CASE("a refused parser stays refused", "[http][parser][smuggling]") {
  Parser parser(Parser::Kind::kRequest);
  CHECK(parser.step(as_bytes("\n")).event == Parser::Event::kRefused);
  const auto step = parser.step(as_bytes("GET / HTTP/1.0\r\n\r\n"));
  CHECK(step.event == Parser::Event::kRefused);
  CHECK(step.consumed == 0);
  CHECK(parser.on_eof() == Parser::Event::kRefused);
}

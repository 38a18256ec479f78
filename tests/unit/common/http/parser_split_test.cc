#include <catch2/catch.hpp>

#include "tests/unit/common/http/parse_helper.h"

using namespace daphnis;
using namespace daphnis::http;

namespace {

struct Sample {
  Parser::Kind kind;
  std::string text;
  std::string last;  ///< The last event of the whole input.
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {Parser::Kind::kRequest,
       "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nX:\r\n"
       "Content-Length: 11\r\n\r\nhello worldPUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
       "chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-T: v\r\n\r\n"
       "FOO http://h/d HTTP/1.0\r\n\r\n",
       "idle"},
      {Parser::Kind::kRequest,
       "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "idle"},
      {Parser::Kind::kRequest, "GET /a HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
       "refused 400 bad_header_name"},
      {Parser::Kind::kRequest, "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
       "refused 400 repeated_host"},
      {Parser::Kind::kRequest,
       "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
       "refused 400 malformed"},
      {Parser::Kind::kRequest,
       "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
       "refused 400 malformed"},
      {Parser::Kind::kRequest,
       "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
       "refused 400 bad_trailer"},
      {Parser::Kind::kResponse,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
       "HTTP/1.1 204 No\r\n\r\nHTTP/1.0 200 OK\r\nX: y\r\n\r\nto the end",
       "end"},
      {Parser::Kind::kResponse, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxjunk",
       "refused 400 bad_start_line"},
  };
  return all;
}

}  // namespace

TEST_CASE("any split of the same bytes gives the same events", "[http][parser][split]") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.text);
    const std::string_view text = sample.text;
    const Transcript whole = parse(sample.kind, {text}, true);
    CHECK(whole.events.back() == sample.last);
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    CHECK(parse(sample.kind, bytes, true) == whole);
    for (size_t i = 0; i <= text.size(); ++i) {
      CAPTURE(i);
      REQUIRE(parse(sample.kind, {text.substr(0, i), {}, text.substr(i)}, true) == whole);
    }
  }
}

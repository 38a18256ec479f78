#include <catch2/catch.hpp>

#include "tests/unit/common/http/parse_helper.h"

using namespace daphnis;
using namespace daphnis::http;

namespace {

using Lines = std::vector<std::string>;

Lines response(std::string_view text, bool eof = false, bool no_body = false) {
  return parse(Parser::Kind::kResponse, text, eof, no_body).events;
}

}  // namespace

TEST_CASE("responses of known length follow each other", "[http][parser]") {
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
                 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") ==
        Lines{"head   200 1.1 [Content-Length=2] keep length=2", "body hi", "end",
              "head   404 1.1 [Content-Length=0] keep length=0", "end"});
}

TEST_CASE("a chunked response ends at its last chunk", "[http][parser]") {
  CHECK(response("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n") ==
        Lines{"head   200 1.1 [Transfer-Encoding=chunked] keep chunked", "body hi", "end"});
}

TEST_CASE("a response without length goes on to the end of the connection", "[http][parser]") {
  CHECK(response("HTTP/1.1 200 OK\r\n\r\nabc", true) ==
        Lines{"head   200 1.1 close", "body abc", "end"});
  CHECK(response("HTTP/1.0 200 OK\r\n\r\n", true) == Lines{"head   200 1.0 close", "end"});
}

TEST_CASE("statuses and HEAD that have no body end with the head", "[http][parser]") {
  for (std::string status : {"204", "304"}) {
    CAPTURE(status);
    CHECK(response("HTTP/1.1 " + status + " X\r\nContent-Length: 9\r\n\r\n").back() == "end");
  }
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, true).back() == "end");
  CHECK(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, true).back() ==
        "end");
  CHECK(response("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, true).back() == "end");
  SECTION("only the next response is meant") {
    const auto events = response(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        false, true);
    CHECK(events.size() == 5);
    CHECK(events[3] == "body x");
  }
}

TEST_CASE("interim responses are passed over and bounded", "[http][parser]") {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  const std::string final = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  CHECK(response(interim + hints + final).size() == 2);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += interim;
  CHECK(response(many) == Lines{"refused 400 too_many_interim_responses"});
  CHECK(response(interim, true) == Lines{"refused cut"});
}

TEST_CASE("101 hands the following bytes to the caller", "[http][parser]") {
  const std::string head = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: PTTH/1.0\r\n\r\n";
  const auto transcript = parse(Parser::Kind::kResponse, head);
  CHECK(transcript.events.size() == 2);
  CHECK(transcript.events[0].ends_with("upgrade"));
  CHECK(transcript.events[1] == "end");
}

TEST_CASE("a response that offers an upgrade goes on as HTTP", "[http][parser]") {
  const auto events = response(
      "HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx"
      "HTTP/1.1 204 No\r\n\r\n");
  REQUIRE(events.size() == 5);
  CHECK_FALSE(events[0].ends_with("upgrade"));
  CHECK(events[1] == "body x");
}

TEST_CASE("cut and malformed responses are refused", "[http][parser]") {
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true).back() == "refused cut");
  CHECK(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", true).back() ==
        "refused cut");
  CHECK(response("HTTP/1.1 2", true).back() == "refused cut");
  CHECK(response("", true) == Lines{"idle"});
  for (std::string start :
       {"garbage", "\r\nHTTP/1.1 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 600 X", "HTTP/1.1 099 X",
        "HTTP/1.1  200 OK", "HTTP/1.1 200X", "HTTP/2.0 200 OK", "HTTP/1.1"}) {
    CAPTURE(start);
    CHECK(response(start + "\r\nContent-Length: 0\r\n\r\n").back().starts_with("refused"));
  }
  CHECK(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").back() ==
        "refused 400 transfer_encoding_on_http_1_0");
}

TEST_CASE("a response's trailers can be read until the next response begins", "[http][parser]") {
  Parser parser(Parser::Kind::kResponse);
  const std::string text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
      "Daphnis-Reason:  the L1 stops \r\nOther: 1\r\n\r\nHTTP/1.1 204 X\r\n\r\n";
  const size_t split = GENERATE(size_t{1}, size_t{70}, size_t{1000});
  Bytes rest = as_bytes(text);
  int ends = 0;
  while (ends < 2) {
    const Parser::Step step = parser.step(rest.first(std::min(split, rest.size())));
    rest = rest.subspan(step.consumed);
    REQUIRE(step.event != Parser::Event::kRefused);
    if (step.event != Parser::Event::kEnd) continue;
    if (++ends == 1) {
      REQUIRE(parser.trailers().size() == 2);
      CHECK(parser.trailers()[0].name == "Daphnis-Reason");
      CHECK(parser.trailers()[0].value == "the L1 stops");
    }
  }
  CHECK(parser.trailers().empty());
}

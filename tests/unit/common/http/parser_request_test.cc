#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/unit/common/http/parse_helper.h"

using namespace daphnis;
using namespace daphnis::http;

namespace {

using Lines = std::vector<std::string>;

Lines request(std::string_view text) {
  return parse(Parser::Kind::kRequest, text).events;
}

/// The head of a POST with the given extra lines, followed by `rest`.
std::string post(std::string_view lines, std::string_view rest = {}) {
  return "POST /d HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n" + std::string(rest);
}

}  // namespace

TEST_CASE("a GET is a head and an end", "[http][parser]") {
  CHECK(request("GET /ipfs/x?format=car HTTP/1.1\r\nHost: a:80\r\nX-Y:  b c \t\r\n\r\n") ==
        Lines{"head GET /ipfs/x?format=car 0 1.1 [Host=a:80] [X-Y=b c] keep", "end"});
  CHECK(request("GET / HTTP/1.0\r\n\r\n") == Lines{"head GET / 0 1.0 close", "end"});
}

TEST_CASE("any method token is read and CONNECT opens no tunnel", "[http][parser]") {
  for (std::string method : {"GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PRI", "FOO", "get",
                             "SOURCE", "M-SEARCH", "DESCRIBE"}) {
    CAPTURE(method);
    CHECK(request(method + " /x HTTP/1.1\r\nHost: a\r\n\r\n") ==
          Lines{"head " + method + " /x 0 1.1 [Host=a] keep", "end"});
  }
  CHECK(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").size() == 2);
  CHECK(request("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n").size() == 2);
  CHECK(request("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03") ==
        Lines{"refused 501 connect_unsupported"});
}

TEST_CASE("a body of known length ends where it ends", "[http][parser]") {
  CHECK(request(post("Content-Length: 5\r\n", "helloGET / HTTP/1.1\r\nHost: b\r\n\r\n")) ==
        Lines{"head POST /d 0 1.1 [Host=a] [Content-Length=5] keep length=5", "body hello", "end",
              "head GET / 0 1.1 [Host=b] keep", "end"});
  CHECK(request(post("Content-Length: 0\r\n")) ==
        Lines{"head POST /d 0 1.1 [Host=a] [Content-Length=0] keep length=0", "end"});
}

TEST_CASE("a chunked body with extensions and trailers is joined", "[http][parser]") {
  CHECK(request(post("Transfer-Encoding: Chunked\r\n",
                     "5;a=b;c=\"d\"\r\nhello\r\n0A\r\n world....\r\n0\r\nX-T: 1\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: b\r\n\r\n")) ==
        Lines{"head POST /d 0 1.1 [Host=a] [Transfer-Encoding=Chunked] keep chunked",
              "body hello world....", "end", "head GET / 0 1.1 [Host=b] keep", "end"});
}

TEST_CASE("Connection and version decide over keep-alive", "[http][parser]") {
  const auto kept = [](std::string_view version, std::string_view lines) {
    const auto events =
        request("GET / " + std::string(version) + "\r\nHost: a\r\n" + std::string(lines) + "\r\n");
    REQUIRE(events.size() == 2);
    return events[0].find(" keep") != std::string::npos;
  };
  CHECK(kept("HTTP/1.1", ""));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: close\r\n"));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: x, CLOSE\r\n"));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK_FALSE(kept("HTTP/1.0", ""));
  CHECK(kept("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST_CASE("Expect is seen on HTTP 1.1 only", "[http][parser]") {
  CHECK(request(post("Expect: 100-Continue\r\nContent-Length: 1\r\n")).at(0).ends_with("expect"));
  CHECK_FALSE(request("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").at(0).ends_with("expect"));
}

TEST_CASE("after an upgrade request the following bytes are the caller's", "[http][parser]") {
  const std::string head =
      "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n";
  const std::string text = head + "\x81\x05\x01";
  Parser parser(Parser::Kind::kRequest);
  auto step = parser.step(as_bytes(text));
  CHECK(step.event == Parser::Event::kHead);
  CHECK(step.consumed == head.size());
  CHECK(parser.head().upgrade);
  step = parser.step(as_bytes(text).subspan(head.size()));
  CHECK(step.event == Parser::Event::kEnd);
  CHECK(step.consumed == 0);
  CHECK_FALSE(parser.in_message());
  CHECK(request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").at(0) ==
        "head GET / 0 1.0 [Connection=upgrade] [Upgrade=x] close");
}

TEST_CASE("an upgrade request may have a body of its own", "[http][parser]") {
  const std::string lines = "Connection: upgrade\r\nUpgrade: x\r\n";
  CHECK(request(post(lines + "Content-Length: 2\r\n", "hi")).back() == "end");
  CHECK(request(post(lines + "Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n")).back() ==
        "end");
}

TEST_CASE("one empty line before a request is ignored", "[http][parser]") {
  CHECK(request("\r\nGET / HTTP/1.0\r\n\r\n").size() == 2);
  CHECK(request("\r\n\r\nGET / HTTP/1.0\r\n\r\n") == Lines{"refused 400 bad_start_line"});
}

TEST_CASE("in_message is true from the first byte to the end", "[http][parser]") {
  Parser parser(Parser::Kind::kRequest);
  CHECK_FALSE(parser.in_message());
  CHECK(parser.on_eof() == Parser::Event::kNeedMore);
  CHECK(parser.step(as_bytes("\r\n")).event == Parser::Event::kNeedMore);
  CHECK_FALSE(parser.in_message());
  CHECK(parser.step(as_bytes("G")).event == Parser::Event::kNeedMore);
  CHECK(parser.in_message());
  CHECK(parser.step(as_bytes("ET / HTTP/1.0\r\n\r\n")).event == Parser::Event::kHead);
  CHECK(parser.in_message());
  CHECK(parser.step({}).event == Parser::Event::kEnd);
  CHECK_FALSE(parser.in_message());
  CHECK(parser.head().target == "/");
}

TEST_CASE("a moved parser goes on where it stood", "[http][parser]") {
  Parser first(Parser::Kind::kRequest);
  CHECK(first.step(as_bytes(post("Transfer-Encoding: chunked\r\n"))).event == Parser::Event::kHead);
  Parser second = std::move(first);
  const auto step = second.step(as_bytes("1\r\nx\r\n"));
  CHECK(step.event == Parser::Event::kBody);
  CHECK(as_text(step.body) == "x");
}

TEST_CASE("a cut request is refused at EOF", "[http][parser]") {
  const auto cut = [](std::string_view text) {
    return parse(Parser::Kind::kRequest, text, true).events.back();
  };
  CHECK(cut("GET") == "refused cut");
  CHECK(cut(post("Content-Length: 5\r\n", "hell")) == "refused cut");
  CHECK(cut(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")) == "refused cut");
  CHECK(cut(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n")) == "refused cut");
  CHECK(cut("") == "idle");
}

TEST_CASE("bodies are views into the offered bytes", "[http][parser]") {
  const std::string text = post("Content-Length: 5\r\n", "hello");
  Parser parser(Parser::Kind::kRequest);
  const auto head = parser.step(as_bytes(text));
  const auto step = parser.step(as_bytes(text).subspan(head.consumed));
  CHECK(step.body.data() == as_bytes(text).data() + head.consumed);
}

TEST_CASE("limits of a request head each have their status", "[http][parser]") {
  const auto with = [](std::string_view target, std::string_view lines) {
    return request("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) +
                   "\r\n");
  };
  const size_t target_max = limits::kHttpTargetBytesMax;
  CHECK(with("/" + std::string(target_max - 1, 'x'), "").size() == 2);
  CHECK(with("/" + std::string(target_max, 'x'), "") == Lines{"refused 414 target_too_long"});
  CHECK(with("/" + std::string(1 << 16, 'x'), "") == Lines{"refused 414 target_too_long"});
  CHECK(with("/", "X: " + std::string(1 << 20, 'x') + "\r\n") ==
        Lines{"refused 431 head_too_large"});
  std::string many;
  for (size_t i = 1; i < limits::kHttpHeadersMax; ++i) many += "a:b\r\n";
  CHECK(with("/", many).size() == 2);
  CHECK(with("/", many + "a:b\r\n") == Lines{"refused 431 too_many_headers"});
  CHECK(request(std::string(33, 'A') + " / HTTP/1.1\r\n") == Lines{"refused 501 method_unknown"});
  const std::string frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
  const size_t bytes_left = limits::kHttpHeadBytesMax - frame.size();
  CHECK(with("/", "X: " + std::string(bytes_left, 'x') + "\r\n").size() == 2);
  CHECK(with("/", "X: " + std::string(bytes_left + 1, 'x') + "\r\n") ==
        Lines{"refused 431 head_too_large"});
}

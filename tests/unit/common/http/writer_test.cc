#include "common/http/http_writer.h"

#include <catch2/catch.hpp>
#include <ctime>

#include "tests/unit/common/http/parse_helper.h"

using namespace daphnis;
using namespace daphnis::http;

TEST_CASE("a written response parses to what was meant", "[http][writer]") {
  const std::string text =
      HeadWriter::response(206).add("Content-Length", uint64_t{2}).add("X-A", "b c").finish() +
      "hi";
  CHECK(text == "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nX-A: b c\r\n\r\nhi");
  CHECK(parse(Parser::Kind::kResponse, text).events ==
        std::vector<std::string>{"head   206 1.1 [Content-Length=2] [X-A=b c] keep length=2",
                                 "body hi", "end"});
}

TEST_CASE("a written request parses to what was meant", "[http][writer]") {
  const std::string text =
      HeadWriter::request("GET", "/ipfs/x?format=car").add("Host", "a").finish();
  CHECK(parse(Parser::Kind::kRequest, text).events ==
        std::vector<std::string>{"head GET /ipfs/x?format=car 0 1.1 [Host=a] keep", "end"});
}

TEST_CASE("values that could break out of their line are recognised", "[http][writer]") {
  for (std::string good : {"", "a", "a b", "a\tb", "\xc3\xa4", "\"x\""}) {
    CAPTURE(good);
    CHECK(is_field_value(good));
  }
  for (std::string bad : {"a\r\nb: c", "a\nb", "a\rb", " a", "a ", "\ta", "\x7f", "\x01"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_field_value(bad));
  }
  CHECK_FALSE(is_field_value(std::string("a\0b", 3)));
}

TEST_CASE("chunks with any size are read back", "[http][writer]") {
  const auto head = [](uint64_t size) { return std::string(as_text(ChunkHead(size).bytes())); };
  CHECK(head(1) == "1\r\n");
  CHECK(head(0x1000) == "1000\r\n");
  CHECK(head(0xabcdef) == "abcdef\r\n");
  CHECK(head(UINT64_MAX) == "ffffffffffffffff\r\n");
  const std::string data(300, 'x');
  const std::string text = HeadWriter::response(200).add("Transfer-Encoding", "chunked").finish() +
                           head(300) + data + std::string(kChunkEnd) + std::string(kLastChunk);
  const auto events = parse(Parser::Kind::kResponse, text).events;
  REQUIRE(events.size() == 3);
  CHECK(events[1] == "body " + data);
}

TEST_CASE("dates are IMF-fixdate", "[http][writer]") {
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(951'827'696) == "Tue, 29 Feb 2000 12:34:56 GMT");
  CHECK(http_date(1'735'689'599) == "Tue, 31 Dec 2024 23:59:59 GMT");
  CHECK(http_date(-5) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(INT64_MAX) == "Fri, 31 Dec 9999 23:59:59 GMT");
  for (int64_t time = 0; time < 5'000'000'000; time += 86'399 * 3) {
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    REQUIRE(http_date(time) == text);
  }
}

TEST_CASE("every status we send has its phrase", "[http][writer]") {
  for (int status : {200, 206, 304, 400, 404, 405, 408, 409, 410, 412, 414,
                     416, 422, 429, 431, 500, 501, 502, 503, 504, 505}) {
    CAPTURE(status);
    CHECK(reason_phrase(status) != "Unknown");
  }
  CHECK(reason_phrase(299) == "Unknown");
}

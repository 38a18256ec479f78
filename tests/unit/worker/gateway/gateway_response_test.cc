#include <set>

#include "tests/unit/worker/gateway/gateway_helper.h"
#include "tests/unit/worker/response_text.h"

using namespace daphnis;
using namespace daphnis::worker;

namespace {

const std::string kDirPath = "/ipfs/" + std::string(kDir);

http::Head parsed(const Response& response) {
  http::Parser parser(http::Parser::Kind::kResponse);
  REQUIRE(parser.step(as_bytes(text_of(response))).event == http::Parser::Event::kHead);
  return parser.head();
}

ResponseContext context() {
  return {.request_id = "id-1",
          .node_id = "node-7",
          .date = "Sun, 06 Nov 1994 08:49:37 GMT",
          .cache = CacheStatus::kMiss,
          .server_timing = "fetch;dur=1.500"};
}

}  // namespace

TEST_CASE("a CAR's head has every field of the specification", "[worker][gateway]") {
  const Content content = content_of({kDirPath + "?format=car"});
  const Response made = car_response(content, context(), std::nullopt);
  const http::Head head = parsed(made);
  CHECK(head.status == 200);
  CHECK_FALSE(made.length);
  CHECK_FALSE(made.body);
  CHECK_FALSE(made.is_last);
  const auto is = [&head](std::string_view name, std::string_view value) {
    CAPTURE(name);
    REQUIRE(head.find(name));
    CHECK(*head.find(name) == value);
  };
  is("Content-Type", "application/vnd.ipld.car; version=1; order=dfs; dups=n");
  is("Content-Disposition", "attachment; filename=\"" + std::string(kDir) + ".car\"");
  is("Cache-Control", "public, max-age=29030400, immutable");
  is("X-Content-Type-Options", "nosniff");
  is("Accept-Ranges", "none");
  is("X-Ipfs-Path", kDirPath);
  is("X-Ipfs-Roots", kDir);
  is("Etag", content.etag);
  is("Access-Control-Allow-Origin", "*");
  is("X-Request-Id", "id-1");
  is("Saturn-Transfer-Id", "id-1");
  is("Daphnis-Node-Id", "node-7");
  is("Saturn-Node-Id", "node-7");
  is("X-Cache", "MISS");
  is("Saturn-Cache-Status", "MISS");
  is("Server-Timing", "fetch;dur=1.500");
  is("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
  for (std::string_view name : {"Content-Range", "Content-Length", "X-Ipfs-Path", "X-Ipfs-Roots",
                                "X-Chunked-Output", "X-Stream-Output"}) {
    CHECK_THAT(*head.find("Access-Control-Expose-Headers"), Catch::Contains(std::string(name)));
  }
  std::set<std::string> names;
  for (const http::Header& field : head.headers) CHECK(names.insert(field.name).second);
}

TEST_CASE("a raw block's head is exact", "[worker][gateway]") {
  const Content content = content_of(raw());
  const Response made = raw_response(content, context(), 31);
  const http::Head head = parsed(made);
  CHECK(head.status == 200);
  CHECK(made.length == 31);
  CHECK(made.body_offset == 0);
  CHECK(*head.find("content-type") == "application/vnd.ipld.raw");
  CHECK(*head.find("etag") == "\"" + std::string(kRaw) + ".raw\"");
  CHECK(*head.find("accept-ranges") == "bytes");
  CHECK(*head.find("content-disposition") ==
        "attachment; filename=\"" + std::string(kRaw) + ".bin\"");
}

TEST_CASE("Etags differ with every variant and are strong", "[worker][gateway]") {
  const std::vector<Ask> asks = {{kDirPath + "?format=car"},
                                 {kDirPath + "?format=car&car-dups=y"},
                                 {kDirPath + "?format=car&dag-scope=block"},
                                 {kDirPath + "?format=car&dag-scope=entity"},
                                 {kDirPath + "?format=car&entity-bytes=0:1"},
                                 {kDirPath + "?format=car&entity-bytes=0:2"},
                                 {kDirPath + "/a?format=car"},
                                 {kDirPath + "/a/b?format=car"},
                                 {kDirPath + "?format=raw"},
                                 raw()};
  std::set<std::string> etags;
  for (const Ask& ask : asks) {
    const std::string etag = content_of(ask).etag;
    CHECK(etag.front() == '"');
    CHECK(etag.back() == '"');
    CHECK(etags.insert(etag).second);
  }
}

TEST_CASE("If-None-Match is answered from the head alone", "[worker][gateway]") {
  const std::string etag = content_of(car("")).etag;
  const auto matched = [](std::string value) {
    return verdict(car("", {{"If-None-Match", std::move(value)}}));
  };
  CHECK(matched(etag) == "304 not_modified");
  CHECK(matched("W/" + etag) == "304 not_modified");
  CHECK(matched("\"x\", " + etag) == "304 not_modified");
  CHECK(matched("*") == "304 not_modified");
  CHECK(matched("\"x\"") == "content");
  CHECK(matched(etag.substr(1, etag.size() - 2)) == "content");
  CHECK(verdict(car("&dag-scope=block", {{"If-None-Match", etag}})) == "content");
  CHECK(verdict(car("", {{"If-None-Match", "\"x\""}, {"If-None-Match", etag}})) ==
        "304 not_modified");
  SECTION("with the fields a cache needs and no body") {
    const Answer answer = answer_of(car("", {{"If-None-Match", etag}}));
    CHECK(header(answer.headers, "etag") == etag);
    CHECK(header(answer.headers, "cache-control") == "public, max-age=29030400, immutable");
    CHECK(header(answer.headers, "content-type") == "none");
    CHECK(parsed(make_response(answer, context())).find("content-length") == nullptr);
    CHECK(text_of(make_response(answer, context())).ends_with("\r\n\r\n"));
  }
  SECTION("also for the probe") {
    CHECK(verdict({"/ipfs/bafkqaaa?format=raw", {{"If-None-Match", "\"bafkqaaa.raw\""}}}) ==
          "304 not_modified");
  }
}

TEST_CASE("If-Match is compared strongly", "[worker][gateway]") {
  const std::string etag = content_of(car("")).etag;
  CHECK(verdict(car("", {{"If-Match", etag}})) == "content");
  CHECK(verdict(car("", {{"If-Match", "*"}})) == "content");
  CHECK(verdict(car("", {{"If-Match", "W/" + etag}})) == "412 precondition_failed");
  CHECK(verdict(car("", {{"If-Match", "\"x\""}})) == "412 precondition_failed");
}

TEST_CASE("a single range of a raw block is a 206", "[worker][gateway]") {
  const auto answered = [](std::vector<http::Header> headers, std::string method = "GET") {
    Ask ask = raw(std::move(headers));
    ask.method = std::move(method);
    const Response made = raw_response(content_of(ask), context(), 31);
    const http::Head head = parsed(made);
    const std::string* range = head.find("content-range");
    const uint64_t of_block = made.body ? 0 : *made.length;
    return std::to_string(made.status) + " " + std::to_string(made.body_offset) + "+" +
           std::to_string(of_block) + (range ? " " + *range : "");
  };
  const std::string etag = content_of(raw()).etag;
  CHECK(answered({{"Range", "bytes=7-9"}}) == "206 7+3 bytes 7-9/31");
  CHECK(answered({{"Range", "bytes=7-"}}) == "206 7+24 bytes 7-30/31");
  CHECK(answered({{"Range", "bytes=-3"}}) == "206 28+3 bytes 28-30/31");
  CHECK(answered({{"Range", "bytes=0-999"}}) == "206 0+31 bytes 0-30/31");
  CHECK(answered({{"Range", "bytes=31-"}}) == "416 0+0 bytes */31");
  CHECK(answered({{"Range", "bytes=-0"}}) == "416 0+0 bytes */31");
  CHECK(answered({{"Range", "bytes=7-9,1-3"}}) == "200 0+31");
  CHECK(answered({{"Range", "bytes=9-7"}}) == "200 0+31");
  CHECK(answered({{"Range", "blocks=1-2"}}) == "200 0+31");
  CHECK(answered({{"Range", "bytes=7-9"}, {"If-Range", etag}}) == "206 7+3 bytes 7-9/31");
  CHECK(answered({{"Range", "bytes=7-9"}, {"If-Range", "\"x\""}}) == "200 0+31");
  CHECK(answered({{"Range", "bytes=7-9"}, {"If-Range", "W/" + etag}}) == "200 0+31");
  CHECK(answered({{"Range", "bytes=7-9"}, {"If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"}}) ==
        "200 0+31");
  CHECK(answered({{"Range", "bytes=7-9"}}, "HEAD") == "200 0+31");
  CHECK_FALSE(content_of(car("", {{"Range", "bytes=7-9"}})).range);
}

TEST_CASE("a 416 is whole with its JSON", "[worker][gateway]") {
  const Content content = content_of(raw({{"Range", "bytes=99-"}}));
  const Response made = raw_response(content, context(), 31);
  REQUIRE(made.body);
  CHECK(made.length == made.body->size());
  CHECK_THAT(*made.body,
             Catch::EndsWith("\"code\":\"range_not_satisfiable\",\"request_id\":\"id-1\"}\n"));
}

TEST_CASE("file names cannot leave their field or folder", "[worker][gateway]") {
  const auto name = [](std::string_view query) {
    return header(content_of({kDirPath + "?format=car" + std::string(query)}).headers,
                  "content-disposition");
  };
  CHECK(name("&filename=foobar.bin") == "attachment; filename=\"foobar.bin\"");
  CHECK(name("&filename=") == "attachment; filename=\"" + std::string(kDir) + ".car\"");
  CHECK(name("&filename=a%22;x=%22b") == "attachment; filename=\"a_;x=_b\"");
  CHECK(name("&filename=..%2f..%5ca") == "attachment; filename=\".._.._a\"");
  CHECK(name("&filename=a%0d%0aSet-Cookie:b") == "attachment; filename=\"a__Set-Cookie:b\"");
  CHECK(name("&filename=%c3%a4+b.car") ==
        "attachment; filename=\"__ b.car\"; filename*=UTF-8''%C3%A4%20b.car");
  const auto path_name = [](std::string_view below) {
    return header(content_of({kDirPath + std::string(below) + "?format=car"}).headers,
                  "content-disposition");
  };
  CHECK(path_name("/sub/ascii.txt") ==
        "attachment; filename=\"" + std::string(kDir) + "_ascii.txt.car\"");
  CHECK(path_name("/a%22b") == "attachment; filename=\"" + std::string(kDir) + ".car\"");
}

TEST_CASE("the path is told canonically and roots only without one", "[worker][gateway]") {
  const Content content = content_of({kDirPath + "//s%75b/%c3%a4/?format=car"});
  CHECK(header(content.headers, "x-ipfs-path") == kDirPath + "/sub/%C3%A4");
  CHECK(header(content.headers, "x-ipfs-roots") == "none");
}

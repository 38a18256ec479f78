#include "tests/unit/worker/gateway/gateway_helper.h"

using namespace daphnis;
using namespace daphnis::worker;

namespace {

const std::string kDirPath = "/ipfs/" + std::string(kDir);
const std::string kRawPath = "/ipfs/" + std::string(kRaw);

}  // namespace

TEST_CASE("a plain CAR request has the specification's defaults", "[worker][gateway]") {
  const Content content = content_of(car(""));
  CHECK(content.request.root.text() == kDir);
  CHECK(content.request.format == AnswerFormat::kCar);
  CHECK(content.request.scope == DagScope::kAll);
  CHECK_FALSE(content.request.dups);
  CHECK_FALSE(content.request.bytes);
  CHECK(content.request.path.empty());
  CHECK_FALSE(content.is_head);
  CHECK_FALSE(content.only_if_cached);
}

TEST_CASE("a raw request is the block and nothing else", "[worker][gateway]") {
  const Content content = content_of({kRawPath + "/?format=raw&dag-scope=all&entity-bytes=0:5"});
  CHECK(content.request.format == AnswerFormat::kRaw);
  CHECK(content.request.scope == DagScope::kBlock);
  CHECK_FALSE(content.request.bytes);
  CHECK(verdict({kRawPath + "/a?format=raw"}) == "400 path_with_raw");
}

TEST_CASE("what cannot be served is refused with its own code", "[worker][gateway]") {
  struct Case {
    Ask ask;
    std::string verdict;
  };
  const std::vector<Case> cases = {
      {{"/"}, "404 unknown_path"},
      {{"/ipfs"}, "404 unknown_path"},
      {{"*"}, "404 unknown_path"},
      {{"/ipns/a?format=car"}, "501 ipns_unsupported"},
      {{"/ipfs/?format=car"}, "400 bad_cid"},
      {{"/ipfs/nonsense?format=car"}, "400 bad_cid"},
      {{"ftp://a" + kDirPath}, "400 bad_target"},
      {{kDirPath + "?format=car#x"}, "400 bad_target"},
      {{kDirPath + "/%2e%2e/x?format=car"}, "400 bad_path"},
      {{kDirPath + "/a%00?format=car"}, "400 bad_path"},
      {{kDirPath + "/%zz?format=car"}, "400 bad_escape"},
      {{kDirPath + "?format=%zz"}, "400 bad_escape"},
      {{kDirPath}, "400 no_usable_format"},
      {{kDirPath, {{"Accept", "text/html"}}}, "400 no_usable_format"},
      {{kDirPath, {{"Accept", ""}}}, "400 no_usable_format"},
      {{kDirPath + "?format="}, "400 unsupported_format"},
      {{kDirPath + "?format=CAR"}, "400 unsupported_format"},
      {{kDirPath + "?format=dag-json"}, "400 unsupported_format"},
      {{kDirPath + "?format=tar", {{"Accept", "application/vnd.ipld.car"}}},
       "400 unsupported_format"},
      {car("&format=car"), "400 repeated_parameter"},
      {car("&dag-scope=all&dag-scope=all"), "400 repeated_parameter"},
      {car("&filename=a&filename=b"), "400 repeated_parameter"},
      {car("&car-version=2"), "400 car_version_unsupported"},
      {car("&car-version="), "400 car_version_unsupported"},
      {car("&car-order=bfs"), "400 car_order_unsupported"},
      {car("&car-dups=yes"), "400 car_dups_unsupported"},
      {car("&dag-scope=file"), "400 bad_dag_scope"},
      {car("&dag-scope="), "400 bad_dag_scope"},
      {car("&entity-bytes=5"), "400 bad_entity_bytes"},
      {car("&entity-bytes=10:5"), "400 bad_entity_bytes"},
      {car("&entity-bytes=-3:-5"), "400 bad_entity_bytes"},
      {car("&dag-scope=all&entity-bytes=x"), "400 bad_entity_bytes"},
      {car("&filename=" + std::string(256, 'x')), "400 bad_filename"},
      {car("&filename=%ff"), "400 bad_filename"},
      {car("", {{"Service-Worker", "script"}}), "400 service_worker"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.ask.target);
    CHECK(verdict(c.ask) == c.verdict);
  }
}

TEST_CASE("a hash that cannot be verified is refused up front", "[worker][gateway]") {
  const std::vector<uint8_t> digest(20, 7);
  const auto sha1 = Cid::v1(codec::kRaw, 0x11, digest);
  REQUIRE(sha1);
  CHECK(verdict({"/ipfs/" + sha1->text() + "?format=raw"}) == "400 sha1_refused");
  CHECK(verdict({"/ipfs/" + sha1->text() + "?format=car"}) == "400 sha1_refused");
  const auto md5 = Cid::v1(codec::kRaw, 0xd5, digest);
  REQUIRE(md5);
  CHECK(verdict({"/ipfs/" + md5->text() + "?format=raw"}) == "400 hash_unsupported");
  const auto cut = Cid::v1(codec::kRaw, 0x11, std::vector<uint8_t>(21, 7));
  REQUIRE(cut);
  CHECK(verdict({"/ipfs/" + cut->text() + "?format=raw"}) == "400 hash_unsupported");
}

TEST_CASE("other methods are refused and OPTIONS answered", "[worker][gateway]") {
  for (std::string method : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "FOO"}) {
    CAPTURE(method);
    const Answer answer = answer_of({kDirPath + "?format=car", {}, method});
    CHECK(answer.status == 405);
    CHECK(answer.code == "method_not_allowed");
    CHECK(header(answer.headers, "allow") == "GET, HEAD, OPTIONS");
  }
  for (std::string target : {"*", "/", "/ipfs/x"}) {
    const Answer answer = answer_of({target, {}, "OPTIONS"});
    CHECK(answer.status == 204);
    CHECK(header(answer.headers, "allow") == "GET, HEAD, OPTIONS");
    CHECK(header(answer.headers, "access-control-max-age") == "86400");
  }
}

TEST_CASE("scope and range combine as decided", "[worker][gateway]") {
  const auto scope = [](std::string_view more) { return content_of(car(more)).request.scope; };
  const auto bytes = [](std::string_view more) { return content_of(car(more)).request.bytes; };
  CHECK(scope("&dag-scope=block") == DagScope::kBlock);
  CHECK(scope("&dag-scope=entity") == DagScope::kEntity);
  CHECK(scope("&dag-scope=all") == DagScope::kAll);
  CHECK(scope("&entity-bytes=1:2") == DagScope::kEntity);
  CHECK(scope("&entity-bytes=0:*") == DagScope::kEntity);
  CHECK(bytes("&entity-bytes=1:2") == ByteRange{.from = 1, .to = 2});
  CHECK(bytes("&dag-scope=entity&entity-bytes=0%3A-1") == ByteRange{.from = 0, .to = -1});
  SECTION("an explicit scope wins over the range") {
    CHECK(scope("&dag-scope=all&entity-bytes=1:2") == DagScope::kAll);
    CHECK_FALSE(bytes("&dag-scope=all&entity-bytes=1:2"));
    CHECK_FALSE(bytes("&dag-scope=block&entity-bytes=1:2"));
  }
}

TEST_CASE("spellings of one request are one request", "[worker][gateway]") {
  const auto key = [](const Ask& ask) { return key_of(content_of(ask).request); };
  const auto plain = key(car(""));
  std::string upper(kDir);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::vector<Ask> same = {
      {"/ipfs/" + upper + "?format=car"},
      {kDirPath + "/?format=car"},
      {kDirPath + "//?format=car"},
      {"http://other.example" + kDirPath + "?format=car"},
      {kDirPath + "?x=y&format=car&filename=z.car"},
      {kDirPath + "?format=car&dag-scope=all&car-dups=n&car-order=unk&car-version=1"},
      {kDirPath, {{"Accept", "application/vnd.ipld.car"}}},
      {kDirPath, {{"accept", "Application/VND.ipld.CAR; order=dfs; dups=\"n\""}}},
      {kDirPath, {{"Accept", "*/*"}}},
      {kDirPath + "?f%6Frmat=c%61r"},
  };
  for (const Ask& ask : same) {
    CAPTURE(ask.target);
    CHECK(key(ask) == plain);
  }
  CHECK(key(car("&dag-scope=entity&entity-bytes=0:*")) == key(car("&dag-scope=entity")));
  CHECK(key(car("&entity-bytes=007:8")) == key(car("&entity-bytes=7:8")));
  const std::vector<std::string> different = {"&dag-scope=block",  "&dag-scope=entity",
                                              "&car-dups=y",       "&entity-bytes=0:0",
                                              "&entity-bytes=1:*", "&entity-bytes=-1:*"};
  std::vector<RequestKey> keys = {
      plain, key({kDirPath + "/a?format=car"}), key({kDirPath + "/a/b?format=car"}),
      key({kDirPath + "/a%20b?format=car"}), key({kDirPath + "?format=raw"})};
  for (const std::string& more : different) keys.push_back(key(car(more)));
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t k = i + 1; k < keys.size(); ++k) CHECK(keys[i] != keys[k]);
  }
}

TEST_CASE("HEAD asks for the root block only", "[worker][gateway]") {
  const Content head = content_of({kDirPath + "/a/b?format=car&car-dups=y", {}, "HEAD"});
  const Content get = content_of({kDirPath + "/a/b?format=car&car-dups=y"});
  CHECK(head.is_head);
  CHECK(head.request == get.request);
  CHECK(head.headers.size() == get.headers.size());
  CHECK(to_fetch(get) == get.request);
  CHECK(to_fetch(head) == CarRequest{.root = get.request.root, .scope = DagScope::kBlock});
  const Content raw_head = content_of({kRawPath + "?format=raw", {}, "HEAD"});
  CHECK(to_fetch(raw_head) == raw_head.request);
}

TEST_CASE("only-if-cached is read as a directive", "[worker][gateway]") {
  const auto asked = [](std::string value) {
    return content_of(car("", {{"Cache-Control", std::move(value)}})).only_if_cached;
  };
  CHECK(asked("only-if-cached"));
  CHECK(asked("max-age=0, Only-If-Cached"));
  CHECK_FALSE(asked("no-cache"));
  CHECK_FALSE(asked("x-only-if-cached-y"));
}

TEST_CASE("identity CIDs are answered without anybody else", "[worker][gateway]") {
  const auto answered = [](std::string cid, std::string more) {
    return answer_of({"/ipfs/" + std::move(cid) + std::move(more)});
  };
  SECTION("the probe as raw is an empty block") {
    const Answer answer = answered("bafkqaaa", "?format=raw");
    CHECK(answer.status == 200);
    CHECK(answer.body.empty());
    CHECK(header(answer.headers, "content-type") == "application/vnd.ipld.raw");
    CHECK(header(answer.headers, "etag") == "\"bafkqaaa.raw\"");
  }
  SECTION("the probe as CAR is a header with its root") {
    const Answer answer = answered("bafkqaaa", "?format=car");
    CHECK(answer.status == 200);
    const std::string expected =
        std::string("\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01", 26);
    CHECK(answer.body == expected);
    CHECK(header(answer.headers, "content-type") ==
          "application/vnd.ipld.car; version=1; order=dfs; dups=n");
  }
  SECTION("text in a CID is its block") {
    const std::string cid = "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa";
    CHECK(answered(cid, "?format=raw").body == "hello i am inlined cid\n");
    CHECK(header(answered(cid, "?format=car&car-dups=y").headers, "content-type") ==
          "application/vnd.ipld.car; version=1; order=dfs; dups=y");
    CHECK(answered(cid, "/a?format=car").status == 404);
    CHECK(answered(cid, "/a?format=car").code == "path_not_found");
    SECTION("and has ranges") {
      const Ask ask = {"/ipfs/" + cid + "?format=raw", {{"Range", "bytes=6-9"}}};
      CHECK(answer_of(ask).status == 206);
      CHECK(answer_of(ask).body == "i am");
      CHECK(header(answer_of(ask).headers, "content-range") == "bytes 6-9/23");
      CHECK(verdict({ask.target, {{"Range", "bytes=23-"}}}) == "416 range_not_satisfiable");
    }
  }
  SECTION("a node with links is walked unless only the block is wanted") {
    const auto node = Cid::v1(codec::kDagCbor, 0, as_bytes("\x80"));
    REQUIRE(node);
    CHECK(verdict({"/ipfs/" + node->text() + "?format=car"}) == "content");
    CHECK(verdict({"/ipfs/" + node->text() + "?format=car&dag-scope=block"}) == "200 ok");
    CHECK(verdict({"/ipfs/" + node->text() + "/a?format=car&dag-scope=block"}) == "content");
    CHECK(verdict({"/ipfs/" + node->text() + "?format=raw"}) == "200 ok");
  }
}

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "l2/core/order.h"

using namespace daphnis;
using namespace daphnis::l2;

namespace {

constexpr const char* kRoot = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
constexpr const char* kId = "0b5a0c7c-6a5a-4f0e-9d2e-0123456789ab";

std::string line(const std::string& more) {
  return std::string(R"({"requestId":")") + kId + R"(","root":")" + kRoot + "\"" + more + "}";
}

std::vector<std::string> lines_of(const std::vector<std::string>& parts, uint64_t* too_long = {}) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  for (const std::string& part : parts) {
    splitter.feed(as_bytes(part), [&](std::string_view one) { lines.emplace_back(one); });
  }
  if (too_long) *too_long = splitter.too_long();
  return lines;
}

}  // namespace

TEST_CASE("an order of the deployed protocol asks for the whole DAG without repeats",
          "[l2][order]") {
  OrderReader reader;
  const auto order = reader.read(line(""));
  REQUIRE(order);
  CHECK(text_of(order->request_id) == kId);
  CHECK(order->request.root.text() == kRoot);
  CHECK(order->request.scope == DagScope::kAll);
  CHECK_FALSE(order->request.dups);
  CHECK(order->skip == 0);
  CHECK_FALSE(order->deadline_ms);
  CHECK(order->is_understood);
}

TEST_CASE("a notice tells of an ejection and is no order", "[l2][order]") {
  OrderReader reader;
  const std::string line = R"({"notice":"ejected","reason":"lied","forMs":60000,"later":1})";
  CHECK_FALSE(reader.read(line));
  CHECK_FALSE(reader.read_cancel(line));
  const auto notice = reader.read_notice(line);
  REQUIRE(notice);
  CHECK(notice->notice == "ejected");
  CHECK(notice->reason == "lied");
  CHECK(notice->for_ms == 60'000);
  CHECK(reader.read_notice(R"({"notice":"other","reason":"two words"})")->reason.empty());
  for (const char* junk : {"", "{}", R"({"notice":7})", R"({"notice":"two words"})"}) {
    CHECK_FALSE(reader.read_notice(junk));
  }
}

TEST_CASE("a cancel names an order and is none itself", "[l2][order]") {
  OrderReader reader;
  const std::string cancel = std::string(R"({"cancel":")") + kId + R"(","later":1})";
  CHECK_FALSE(reader.read(cancel));
  const auto id = reader.read_cancel(cancel);
  REQUIRE(id);
  CHECK(text_of(*id) == kId);
  for (const char* junk : {"", "{}", R"({"cancel":7})", R"({"cancel":"x"})", R"(["cancel"])"}) {
    CAPTURE(junk);
    CHECK_FALSE(reader.read_cancel(junk));
  }
}

TEST_CASE("an order of v2 is read with all its keys", "[l2][order]") {
  OrderReader reader;
  const auto order = reader.read(line(
      R"(,"cid":"x","traceId":"t-1","path":"a/b%20c","dagScope":"entity","entityBytes":"-5:*",)"
      R"("dups":"y","skip":3,"next":"bafkqaaa","deadlineMs":"800","later":[1,{"x":2}])"));
  REQUIRE(order);
  CHECK(order->trace_id == "t-1");
  CHECK(order->request.path == std::vector<std::string>{"a", "b c"});
  CHECK(order->request.scope == DagScope::kEntity);
  CHECK(order->request.bytes == ByteRange{-5, {}});
  CHECK(order->request.dups);
  CHECK(order->skip == 3);
  CHECK(order->next == Cid());
  CHECK(order->deadline_ms == 800U);
  CHECK(order->is_understood);
}

TEST_CASE("an order's data URL is one without a path, and any other is passed over",
          "[l2][order]") {
  OrderReader reader;
  const auto order = reader.read(line(R"(,"dataUrl":"https://w3-5be0c11f.data.edge.test:8443")"));
  REQUIRE(order);
  CHECK(order->data_url ==
        L1Url{.host = "w3-5be0c11f.data.edge.test", .port = 8443, .is_tls = true});
  const auto plain = reader.read(line(R"(,"dataUrl":"http://192.0.2.1:8503")"));
  REQUIRE(plain);
  CHECK(plain->data_url == L1Url{.host = "192.0.2.1", .port = 8503});
  const std::string long_name(limits::kDataUrlBytesMax, 'a');
  const std::string odd = GENERATE_COPY(
      as<std::string>{}, "7", "null", R"("")", R"("ftp://w0.edge.test:8443")",
      R"("https://w0.edge.test:8443/path")", R"("https://a b")", "\"https://" + long_name + "\"");
  CAPTURE(odd);
  const auto other = reader.read(line(R"(,"dataUrl":)" + odd));
  REQUIRE(other);
  CHECK(other->is_understood);
  CHECK_FALSE(other->data_url);
}

TEST_CASE("a skip may be text, may lack the block due, and without one no block is due",
          "[l2][order]") {
  OrderReader reader;
  const auto skipping = reader.read(line(R"(,"skip":"4294967296")"));
  CHECK(skipping->is_understood);
  CHECK(skipping->skip == 4'294'967'296);
  CHECK_FALSE(skipping->next);
  for (const char* none : {R"(,"next":"bafkqaaa")", R"(,"skip":0,"next":"bafkqaaa")"}) {
    const auto order = reader.read(line(none));
    CHECK(order->is_understood);
    CHECK_FALSE(order->next);
  }
}

TEST_CASE("a range implies scope entity and loses against another scope", "[l2][order]") {
  OrderReader reader;
  CHECK(reader.read(line(R"(,"entityBytes":"0:9")"))->request.scope == DagScope::kEntity);
  const auto all = reader.read(line(R"(,"entityBytes":"0:9","dagScope":"all")"));
  CHECK(all->request.scope == DagScope::kAll);
  CHECK_FALSE(all->request.bytes);
}

TEST_CASE("the root may come as cid and the id without dashes in any case", "[l2][order]") {
  OrderReader reader;
  const auto order = reader.read(std::string(R"({"cid":")") + kRoot +
                                 R"(","requestId":"0B5A0C7C6A5A4F0E9D2E0123456789AB"})");
  REQUIRE(order);
  CHECK(text_of(order->request_id) == kId);
}

TEST_CASE("a line without an id or a root is junk", "[l2][order]") {
  OrderReader reader;
  const std::string junk = GENERATE(
      as<std::string>{}, "", "x", "[]", "{", "7", R"({"requestId":"0b5a","root":"bafkqaaa"})",
      R"({"requestId":"0b5a0c7c-6a5a-4f0e-9d2e-0123456789ab"})",
      R"({"requestId":"0b5a0c7c-6a5a-4f0e-9d2e-0123456789ab","root":"bafy"})",
      R"({"requestId":"0b5a0c7c-6a5a-4f0e-9d2e-0123456789ab","root":7})", std::string(5000, '['));
  CAPTURE(junk);
  CHECK_FALSE(reader.read(junk));
  CHECK(reader.read(line("")));  // The reader still works.
}

TEST_CASE("an order that wants something unknown still has its id and root", "[l2][order]") {
  OrderReader reader;
  const std::string wish = GENERATE(
      as<std::string>{}, R"(,"dagScope":"some")", R"(,"dups":"maybe")", R"(,"path":7)",
      R"(,"path":"a/%zz")", R"(,"path":"../x")", R"(,"entityBytes":"x")", R"(,"skip":"many")",
      R"(,"skip":-1)", R"(,"skip":4294967297)", R"(,"skip":1,"next":"x")", R"(,"skip":1,"next":7)");
  CAPTURE(wish);
  const auto order = reader.read(line(wish));
  REQUIRE(order);
  CHECK_FALSE(order->is_understood);
}

TEST_CASE("a trace id that could forge a log line is dropped", "[l2][order]") {
  OrderReader reader;
  CHECK(reader.read(line(R"(,"traceId":"a b=c")"))->trace_id.empty());
}

TEST_CASE("lines are the same however the stream is cut", "[l2][order]") {
  const std::string stream = "\n" + line("") + "\n\r\n" + line(R"(,"skip":1)") + "\r\n\nrest";
  const std::vector<std::string> wanted{line(""), line(R"(,"skip":1)")};
  CHECK(lines_of({stream}) == wanted);
  for (size_t i = 0; i <= stream.size(); ++i) {
    CHECK(lines_of({stream.substr(0, i), stream.substr(i)}) == wanted);
  }
  std::vector<std::string> bytes;
  for (const char c : stream) bytes.emplace_back(1, c);
  CHECK(lines_of(bytes) == wanted);
}

TEST_CASE("a line beyond the bound is passed over and counted and the next one is read",
          "[l2][order]") {
  const std::string longest(limits::kOrderLineBytesMax, 'a');
  uint64_t too_long = 0;
  CHECK(lines_of({longest + "\nb\n"}, &too_long) == std::vector<std::string>{longest, "b"});
  CHECK(too_long == 0);
  CHECK(lines_of({longest + "a", "a", "\nb\n"}, &too_long) == std::vector<std::string>{"b"});
  CHECK(too_long == 1);
  CHECK(lines_of({longest, longest, longest, "\n", "b\n"}, &too_long) ==
        std::vector<std::string>{"b"});
  CHECK(too_long == 1);
}

#include "worker/gateway/answers.h"

#include <catch2/catch.hpp>

#include "common/http/http_parser.h"
#include "common/http/http_writer.h"
#include "common/ipc/ipc_outcomes.h"
#include "tests/unit/worker/response_text.h"

using namespace daphnis;
using namespace daphnis::worker;

namespace {

const ResponseContext kContext = {.request_id = "abc", .node_id = "n", .date = {}};

struct Read {
  http::Head head;
  std::string body;
};

Read read(const Response& response, bool is_head = false) {
  const std::string text = text_of(response, {.is_head = is_head});
  http::Parser parser(http::Parser::Kind::kResponse);
  if (is_head) parser.next_response_has_no_body();
  auto step = parser.step(as_bytes(text));
  REQUIRE(step.event == http::Parser::Event::kHead);
  Read out{.head = parser.head(), .body = {}};
  Bytes rest = as_bytes(text).subspan(step.consumed);
  while ((step = parser.step(rest)).event == http::Parser::Event::kBody) {
    out.body += as_text(step.body);
    rest = rest.subspan(step.consumed);
  }
  CHECK(step.event == http::Parser::Event::kEnd);
  CHECK(rest.empty());
  return out;
}

}  // namespace

TEST_CASE("the answer to an outcome is what the table of outcomes says", "[worker][answers]") {
  for (size_t i = 0; i < kOutcomes; ++i) {
    const ClientRefusal& refusal = row_of(static_cast<Outcome>(i)).client;
    if (refusal.status == 0) continue;
    const Answer answer = answer_for(static_cast<Outcome>(i));
    CAPTURE(answer.code);
    CHECK(answer.status == refusal.status);
    CHECK(answer.code == refusal.code);
    CHECK(answer.detail == refusal.detail);
    CHECK(answer.retry_after_s == refusal.retry_after_s);
    CHECK(answer.is_last == refusal.is_last);
  }
}

TEST_CASE("whatever the broker gives a fetch up for has an answer", "[worker][answers]") {
  for (const Outcome outcome : ipc::kFetchOutcomes) CHECK(answer_for(outcome).status >= 404);
}

TEST_CASE("an error is one line of JSON that no cache keeps", "[worker][answers]") {
  const Response made = make_response(answer_for(Outcome::kNoL2), kContext);
  CHECK_FALSE(made.is_last);
  const Read answer = read(made);
  CHECK(answer.head.status == 503);
  CHECK(answer.body ==
        "{\"error\":\"no L2 is registered here\",\"code\":\"no_l2\",\"request_id\":\"abc\"}\n");
  CHECK(*answer.head.find("content-type") == "application/json");
  CHECK(*answer.head.find("cache-control") == "no-store");
  CHECK(*answer.head.find("retry-after") == "5");
  CHECK(*answer.head.find("access-control-allow-origin") == "*");
  CHECK(*answer.head.find("x-content-type-options") == "nosniff");
  CHECK(*answer.head.find("x-request-id") == "abc");
  CHECK(answer.head.find("x-cache") == nullptr);
}

TEST_CASE("any site may read any answer", "[worker][answers]") {
  for (int status : {200, 204, 304, 404}) {
    const Read answer = read(make_response(Answer{.status = status}, kContext));
    const auto lists = [&answer](std::string_view field, std::string_view name) {
      REQUIRE(answer.head.find(field));
      CHECK_THAT(*answer.head.find(field), Catch::Contains(std::string(name)));
    };
    lists("Access-Control-Allow-Origin", "*");
    lists("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    for (std::string_view name : {"Content-Type", "Range", "User-Agent", "X-Requested-With"}) {
      lists("Access-Control-Allow-Headers", name);
    }
    for (std::string_view name : {"Content-Range", "Content-Length", "X-Ipfs-Path", "X-Ipfs-Roots",
                                  "X-Chunked-Output", "X-Stream-Output"}) {
      lists("Access-Control-Expose-Headers", name);
    }
  }
}

TEST_CASE("the broker's advice on retrying goes before the table's", "[worker][answers]") {
  CHECK(answer_for(Outcome::kOverloaded, 9).retry_after_s == 9);
  CHECK(answer_for(Outcome::kOverloaded).retry_after_s == 1);
}

TEST_CASE("an error to HEAD has no body", "[worker][answers]") {
  const Read answer = read(make_response(answer_for(Outcome::kNotFound), kContext), true);
  CHECK(answer.body.empty());
  CHECK(answer.head.content_length > 0);
}

TEST_CASE("what the parser refused closes the connection", "[worker][answers]") {
  http::Parser parser(http::Parser::Kind::kRequest);
  REQUIRE(parser.step(as_bytes("GET / HTTP/9.9\r\n\r\n")).event == http::Parser::Event::kRefused);
  const Response made = make_response(answer_for_parser(parser.refusal()), kContext);
  CHECK(made.is_last);
  const Read answer = read(made);
  CHECK(answer.head.status == 505);
  CHECK_FALSE(answer.head.keep_alive);
  CHECK_THAT(answer.body, Catch::Contains("\"code\":\"version_unsupported\""));
}

TEST_CASE("a request id is taken over only when it is harmless", "[worker][answers]") {
  const auto taken = [](std::string value) {
    http::Head head;
    head.headers.push_back({"X-Request-ID", std::move(value)});
    const auto id = client_request_id(head);
    return id ? std::string(*id) : "none";
  };
  CHECK(taken("a.B_9-") == "a.B_9-");
  CHECK(taken(std::string(64, 'x')) == std::string(64, 'x'));
  CHECK(taken(std::string(65, 'x')) == "none");
  CHECK(taken("") == "none");
  CHECK(taken("a b") == "none");
  CHECK(taken("a\"b") == "none");
  CHECK(taken("\xc3\xa4") == "none");
  CHECK_FALSE(client_request_id(http::Head{}));
}

TEST_CASE("server timing lists durations in milliseconds", "[worker][answers]") {
  const Timing timings[] = {{"broker", 1'500}, {"l2", 20'000'007}, {"verify", 3}};
  CHECK(server_timing(timings) == "broker;dur=1.500, l2;dur=20000.007, verify;dur=0.003");
  CHECK(server_timing({}).empty());
}

#include <simdjson.h>

#include <filesystem>
#include <regex>

#include "common/request/request_target.h"
#include "tests/fakes/fixtures.h"
#include "tests/fakes/skip.h"
#include "tests/unit/worker/gateway/gateway_helper.h"
#include "tests/unit/worker/response_text.h"

using namespace daphnis;
using namespace daphnis::worker;
namespace dom = simdjson::dom;

namespace {

Ask ask_of(const dom::element& test) {
  Ask ask{std::string(test["path"].get_string().value()),
          {},
          std::string(test["method"].get_string().value())};
  char joint = '?';
  // The range has a name, since g++ 12 ends its inner temporaries before the loop.
  const dom::object query = test["query"].get_object().value();
  for (const auto& [key, value] : query) {
    ask.target +=
        joint + http::percent_encode(key) + "=" + http::percent_encode(value.get_string().value());
    joint = '&';
  }
  const dom::object headers = test["headers"].get_object().value();
  for (const auto& [key, value] : headers) {
    ask.headers.push_back({std::string(key), std::string(value.get_string().value())});
  }
  return ask;
}

/// The head of the answer. For raw content the block gets the size that the case expects.
http::Head answered(const Ask& ask) {
  const ResponseContext context = {.request_id = "id", .node_id = {}, .date = {}};
  const auto decision = decide(ask);
  std::string text;
  if (const auto* answer = std::get_if<Answer>(&decision)) {
    text = text_of(make_response(*answer, context));
  } else {
    const auto& content = std::get<Content>(decision);
    const bool is_car = content.request.format == AnswerFormat::kCar;
    text = text_of(is_car ? car_response(content, context, std::nullopt)
                          : raw_response(content, context, 31));
  }
  http::Parser parser(http::Parser::Kind::kResponse);
  REQUIRE(parser.step(as_bytes(text)).event == http::Parser::Event::kHead);
  return parser.head();
}

/// The violation of one rule by a field; empty where it holds.
std::string broken_rule(const dom::element& rule, const std::string& value) {
  bool non_empty = false;
  std::string_view text;
  dom::array parts;
  if (rule["nonEmpty"].get(non_empty) == simdjson::SUCCESS && value.empty()) return "is empty";
  if (rule["equals"].get(text) == simdjson::SUCCESS && value != text) return "differs";
  if (rule["contains"].get(parts) == simdjson::SUCCESS) {
    for (const dom::element part : parts) {
      if (value.find(part.get_string().value()) == std::string::npos) return "lacks a part";
    }
  }
  if (rule["matches"].get(text) == simdjson::SUCCESS &&
      !std::regex_search(value, std::regex(std::string(text)))) {
    return "does not match";
  }
  return {};
}

std::string mismatch(const dom::element& expected, const http::Head& head) {
  const auto status = expected["status"].get_int64().value();
  if (head.status != status) return "status " + std::to_string(head.status);
  dom::object rules;
  if (expected["headers"].get(rules) != simdjson::SUCCESS) return {};
  for (const auto& [name, rule] : rules) {
    const std::string* value = head.find(name);
    const std::string broken = broken_rule(rule, value ? *value : "");
    if (!broken.empty()) return std::string(name) + " " + broken;
  }
  return {};
}

}  // namespace

TEST_CASE("every conformance case is decided with the head it expects", "[worker][gateway]") {
  const std::string file = test::conformance_folder() + "/trustless-cases.json";
  if (!std::filesystem::exists(file)) {
    return test::skip("the public conformance data is not beside the checkout: no " + file);
  }
  dom::parser parser;
  dom::array tests;
  REQUIRE(parser.load(file).get(tests) == simdjson::SUCCESS);
  size_t checked = 0;
  for (const dom::element test : tests) {
    CAPTURE(test["group"].get_string().value(), test["name"].get_string().value());
    const http::Head head = answered(ask_of(test));
    std::string why;
    bool matched = false;
    const dom::array alternatives = test["expect"].get_array().value();
    for (const dom::element expected : alternatives) {
      const std::string reason = mismatch(expected, head);
      matched |= reason.empty();
      why += reason + "; ";
    }
    CAPTURE(why);
    CHECK(matched);
    ++checked;
  }
  CHECK(checked == 66);
}

#include <algorithm>
#include <string>

#include "common/base/check.h"
#include "common/http/http_parser.h"
#include "common/http/http_writer.h"
#include "tests/unit/worker/response_text.h"
#include "worker/gateway/gateway.h"

using namespace daphnis;

namespace {

/// Events and joined bodies of one run over `input`, cut into pieces of `piece` bytes.
std::string run(http::Parser::Kind kind, Bytes input, size_t piece) {
  http::Parser parser(kind);
  std::string story;
  size_t body_bytes = 0;
  while (!input.empty()) {
    Bytes rest = input.first(std::min(piece, input.size()));
    input = input.subspan(rest.size());
    while (true) {
      const http::Parser::Step step = parser.step(rest);
      check(step.consumed <= rest.size(), "the parser took more than it was offered");
      rest = rest.subspan(step.consumed);
      if (step.event == http::Parser::Event::kBody) {
        body_bytes += step.body.size();
        continue;
      }
      if (step.event == http::Parser::Event::kNeedMore) {
        check(rest.empty(), "the parser left bytes behind");
        break;
      }
      story += std::to_string(static_cast<int>(step.event)) + ":" + std::to_string(body_bytes);
      body_bytes = 0;
      if (step.event == http::Parser::Event::kRefused) return story.append(parser.refusal().code);
      for (const http::Header& header : parser.head().headers) {
        check(http::is_field_value(header.value), "a value left its line");
      }
    }
  }
  return story + "/" + std::to_string(body_bytes) + (parser.in_message() ? "+" : ".");
}

/// Checks that each head that the parser accepts gets an answer, whose head can be parsed.
void decide_all(Bytes input) {
  http::Parser parser(http::Parser::Kind::kRequest);
  while (true) {
    const http::Parser::Step step = parser.step(input);
    input = input.subspan(step.consumed);
    if (step.event == http::Parser::Event::kRefused) return;
    if (step.event == http::Parser::Event::kNeedMore) return;
    if (step.event != http::Parser::Event::kHead) continue;
    const worker::ResponseContext context = {.request_id = "id", .node_id = "n", .date = {}};
    const worker::Decision decision = worker::decide(parser.head());
    std::string text;
    if (const auto* answer = std::get_if<worker::Answer>(&decision)) {
      text = worker::text_of(worker::make_response(*answer, context));
    } else {
      const auto& content = std::get<worker::Content>(decision);
      const auto form = encode(content.request);
      const auto back = decode_car_request(form);
      check(back && *back == content.request, "a decided request is canonical");
      text = worker::text_of(content.request.format == AnswerFormat::kRaw
                                 ? worker::raw_response(content, context, 100)
                                 : worker::car_response(content, context, std::nullopt));
    }
    http::Parser reader(http::Parser::Kind::kResponse);
    check(reader.step(as_bytes(text)).event == http::Parser::Event::kHead, "our answer parses");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto kind =
      (data[0] & 1) != 0 ? http::Parser::Kind::kResponse : http::Parser::Kind::kRequest;
  const Bytes input(data + 1, size - 1);
  const std::string whole = run(kind, input, input.size());
  check(run(kind, input, 1) == whole, "the events depend on the split");
  check(run(kind, input, 1 + data[0] % 61) == whole, "the events depend on the split");
  if (kind == http::Parser::Kind::kRequest) decide_all(input);
  return 0;
}

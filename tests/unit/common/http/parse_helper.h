#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"

namespace daphnis::http {

/// The events of a parser for a whole input, with each message's body in one piece, so that any two
/// splits of the same bytes can be compared.
struct Transcript {
  std::vector<std::string> events;  ///< "head …", "body …", "end", "refused code".
  size_t consumed = 0;

  bool operator==(const Transcript&) const = default;
};

inline std::string describe(const Head& head) {
  std::string text = "head " + head.method + " " + head.target + " " + std::to_string(head.status) +
                     " 1." + std::to_string(head.minor);
  for (const Header& header : head.headers) text += " [" + header.name + "=" + header.value + "]";
  text += head.keep_alive ? " keep" : " close";
  if (head.chunked) text += " chunked";
  if (head.content_length) text += " length=" + std::to_string(*head.content_length);
  if (head.expects_continue) text += " expect";
  if (head.upgrade) text += " upgrade";
  return text;
}

/// Feeds `piece` until it is consumed or refused, and adds the events to `out`; false: refused.
inline bool feed(Parser& parser, std::string_view piece, std::string& body, Transcript& out) {
  Bytes rest = as_bytes(piece);
  while (true) {
    const Parser::Step step = parser.step(rest);
    rest = rest.subspan(step.consumed);
    out.consumed += step.consumed;
    switch (step.event) {
      case Parser::Event::kNeedMore:
        if (rest.empty()) return true;
        out.events.push_back("stuck");
        return false;
      case Parser::Event::kHead:
        out.events.push_back(describe(parser.head()));
        break;
      case Parser::Event::kBody:
        body += as_text(step.body);
        break;
      case Parser::Event::kEnd:
        if (!body.empty()) out.events.push_back("body " + body);
        body.clear();
        out.events.push_back("end");
        break;
      case Parser::Event::kRefused:
        if (!body.empty()) out.events.push_back("body " + body);
        out.events.push_back("refused " + std::to_string(parser.refusal().status) + " " +
                             std::string(parser.refusal().code));
        return false;
    }
  }
}

/// Parses the pieces one after the other, and then the connection's end where `eof` is set.
inline Transcript parse(Parser::Kind kind, const std::vector<std::string_view>& pieces,
                        bool eof = false, bool no_body = false) {
  Parser parser(kind);
  if (no_body) parser.next_response_has_no_body();
  Transcript out;
  std::string body;
  for (std::string_view piece : pieces) {
    if (!feed(parser, piece, body, out)) return out;
  }
  if (!body.empty()) out.events.push_back("body " + body);
  if (!eof) return out;
  switch (parser.on_eof()) {
    case Parser::Event::kEnd:
      out.events.push_back("end");
      break;
    case Parser::Event::kNeedMore:
      out.events.push_back("idle");
      break;
    default:
      out.events.push_back("refused " + std::string(parser.refusal().code));
  }
  return out;
}

/// The transcript of `text` in one piece.
inline Transcript parse(Parser::Kind kind, std::string_view text, bool eof = false,
                        bool no_body = false) {
  return parse(kind, std::vector<std::string_view>{text}, eof, no_body);
}

}  // namespace daphnis::http

#include "common/http/http_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/http/http_head.h"
#include "common/http/http_scanner.h"

namespace daphnis::http {

/// How one message is read. The scanner finds the head's lines and decides the framing together
/// with http_head; llhttp must come to the same result, and reads the chunked coding. Bodies of a
/// known length or to the end of the connection are only counted.
struct Parser::State {
  enum class Phase {
    kHead,
    kLength,     ///< `remaining` more bytes of content.
    kToEof,      ///< Content until the connection ends.
    kChunkLine,  ///< Chunk sizes, extensions and line ends, given to llhttp byte by byte.
    kChunkData,  ///< `remaining` more bytes of this chunk.
    kTrailers,
    kEnding,  ///< The message is whole; kEnd has not been reported yet.
    kRefused,
  };

  explicit State(Kind of) : kind(of) { begin_message(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void begin_message();
  [[nodiscard]] Step step(Bytes offered);
  [[nodiscard]] Event on_eof();

  [[nodiscard]] Step on_head_bytes(Bytes offered);
  [[nodiscard]] bool take_head(std::string_view text);
  [[nodiscard]] bool llhttp_agrees(std::string_view text);
  void decide_body();
  [[nodiscard]] Step on_content(Bytes offered);
  [[nodiscard]] Step on_chunk_line(Bytes offered);
  [[nodiscard]] bool take_chunk_line_byte(uint8_t byte);
  [[nodiscard]] Step on_trailers(Bytes offered);
  [[nodiscard]] bool check_trailer_names();
  void keep_trailers();
  [[nodiscard]] bool feed(std::string_view text);
  bool refuse(const Refusal& why);
  bool refuse(std::string_view code, std::string_view detail) {
    return refuse(Refusal{400, code, detail});
  }

  Kind kind;
  Phase phase = Phase::kHead;
  HeadScanner scanner;
  std::string raw;  ///< A head or trailer section that came in more than one offer.
  Head head;
  std::vector<Header> trailers;
  Refusal refusal;
  llhttp_t llhttp{};
  uint64_t remaining = 0;
  size_t chunk_line_bytes = 0;
  uint8_t last_byte = 0;  ///< The last byte read of the chunk line.
  bool in_extension = false;
  bool no_response_body = false;
  size_t interim_responses = 0;  ///< 1xx seen since the last final response.
  // Set by llhttp's callbacks.
  bool headers_complete = false;
  bool chunk_header = false;
  bool message_complete = false;
};

namespace {

constexpr std::string_view kFramingMethods[] = {"GET", "HEAD", "POST", "PUT", "OPTIONS"};

/// How much memory, allocated for a head that came in pieces, a parser keeps between messages.
constexpr size_t kRawBytesKept = 1 * limits::kKiB;

/// Tells llhttp that a response to HEAD has no body, which it cannot know by itself.
constexpr int kNoBody = 1;

}  // namespace

void Parser::State::begin_message() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t callbacks;
    llhttp_settings_init(&callbacks);
    callbacks.on_headers_complete = [](llhttp_t* parser) {
      auto* state = static_cast<State*>(parser->data);
      state->headers_complete = true;
      return state->no_response_body ? kNoBody : 0;
    };
    callbacks.on_chunk_header = [](llhttp_t* parser) {
      static_cast<State*>(parser->data)->chunk_header = true;
      return 0;
    };
    callbacks.on_message_complete = [](llhttp_t* parser) {
      static_cast<State*>(parser->data)->message_complete = true;
      return 0;
    };
    return callbacks;
  }();
  llhttp_init(&llhttp, kind == Kind::kRequest ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
  llhttp.data = this;
  headers_complete = chunk_header = message_complete = false;
  scanner.reset(kind == Kind::kRequest ? HeadScanner::Section::kRequest
                                       : HeadScanner::Section::kResponse);
  // An idle connection keeps at most kRawBytesKept. Assigning {} would keep the whole capacity.
  if (raw.capacity() > kRawBytesKept) std::string().swap(raw);
  raw.clear();
  phase = Phase::kHead;
}

bool Parser::State::refuse(const Refusal& why) {
  refusal = why;
  phase = Phase::kRefused;
  return false;
}

/// Gives llhttp bytes that must be part of this message; false where it refuses them.
bool Parser::State::feed(std::string_view text) {
  const llhttp_errno_t error = llhttp_execute(&llhttp, text.data(), text.size());
  // An upgrade pauses llhttp once the message is whole; the message ends there for us as well.
  const bool fine = error == HPE_OK || (error == HPE_PAUSED_UPGRADE && message_complete);
  return fine || refuse("malformed", "the message does not follow RFC 9112");
}

Parser::Step Parser::State::step(Bytes offered) {
  switch (phase) {
    case Phase::kHead:
      return on_head_bytes(offered);
    case Phase::kLength:
    case Phase::kToEof:
    case Phase::kChunkData:
      return on_content(offered);
    case Phase::kChunkLine:
      return on_chunk_line(offered);
    case Phase::kTrailers:
      return on_trailers(offered);
    case Phase::kEnding:
      begin_message();
      return {Event::kEnd, 0};
    case Phase::kRefused:
      return {Event::kRefused, 0};
  }
  abort_on_bug("a phase of the HTTP parser is not handled");
}

Parser::Step Parser::State::on_head_bytes(Bytes offered) {
  size_t taken = 0;
  while (true) {
    const Bytes rest = offered.subspan(taken);
    const auto [outcome, consumed] = scanner.scan(rest);
    taken += consumed;
    if (outcome == HeadScanner::Outcome::kRefused) {
      refuse(scanner.refusal());
      return {Event::kRefused, taken};
    }
    const bool complete = outcome == HeadScanner::Outcome::kComplete;
    // A head that comes in one piece is read where it lies.
    if (!complete || !raw.empty()) raw.append(as_text(rest.first(consumed)));
    if (!complete) return {Event::kNeedMore, taken};
    if (!take_head(raw.empty() ? as_text(rest.first(consumed)) : std::string_view(raw))) {
      return {Event::kRefused, taken};
    }
    const bool interim = kind == Kind::kResponse && head.status < 200 && head.status != 101;
    if (!interim) {
      interim_responses = 0;
      decide_body();
      return {Event::kHead, taken};
    }
    if (++interim_responses > limits::kHttpInterimResponsesMax) {
      refuse("too_many_interim_responses", "more 1xx responses than this client reads");
      return {Event::kRefused, taken};
    }
    begin_message();
  }
}

bool Parser::State::take_head(std::string_view text) {
  auto made =
      kind == Kind::kRequest ? make_request_head(text, scanner) : make_response_head(text, scanner);
  if (!made) return refuse(made.error());
  head = std::move(*made);
  trailers.clear();
  return llhttp_agrees(text);
}

/// A second opinion on the head: llhttp must accept it and frame the body as we do.
bool Parser::State::llhttp_agrees(std::string_view text) {
  const bool is_request = kind == Kind::kRequest;
  std::string_view rest = text;
  if (is_request) {
    // Requests are framed by their fields alone (RFC 9112 section 6.3), so a method that llhttp
    // does not know, or knows as something other than HTTP, is shown to it as POST.
    const bool known = std::ranges::find(kFramingMethods, head.method) != std::end(kFramingMethods);
    rest = text.substr(scanner.method().end);
    if (!feed(known ? std::string_view(head.method) : "POST")) return false;
  }
  if (!feed(rest)) return false;
  const bool chunked = head.chunked && (llhttp.flags & F_CHUNKED) != 0;
  const bool same_coding = message_complete || chunked == head.chunked;
  const bool same_length =
      message_complete || !head.content_length || llhttp.content_length == *head.content_length;
  if (headers_complete && same_coding && same_length) return true;
  return refuse("ambiguous_framing", "the end of the message cannot be told for certain");
}

/// Decides how the body ends (RFC 9112 section 6.3).
void Parser::State::decide_body() {
  const bool is_response = kind == Kind::kResponse;
  const bool never_has_content =
      is_response && (head.status == 101 || head.status == 204 || head.status == 304);
  const bool bodiless = never_has_content || (is_response && no_response_body);
  no_response_body = false;
  raw.clear();
  if (bodiless) {
    phase = Phase::kEnding;
  } else if (head.chunked) {
    chunk_line_bytes = 0;
    last_byte = 0;
    in_extension = false;
    phase = Phase::kChunkLine;
  } else if (head.content_length) {
    remaining = *head.content_length;
    phase = remaining == 0 ? Phase::kEnding : Phase::kLength;
  } else if (is_response) {
    head.keep_alive = false;
    phase = Phase::kToEof;
  } else {
    phase = Phase::kEnding;
  }
}

Parser::Step Parser::State::on_content(Bytes offered) {
  if (offered.empty()) return {Event::kNeedMore, 0};
  if (phase == Phase::kToEof) return {Event::kBody, offered.size(), offered};
  const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining, offered.size()));
  const Bytes body = offered.first(size);
  if (phase == Phase::kChunkData && !feed(as_text(body))) return {Event::kRefused, 0};
  remaining -= size;
  if (remaining == 0) phase = phase == Phase::kLength ? Phase::kEnding : Phase::kChunkLine;
  return {Event::kBody, size, body};
}

Parser::Step Parser::State::on_chunk_line(Bytes offered) {
  size_t taken = 0;
  while (taken < offered.size()) {
    if (!take_chunk_line_byte(offered[taken])) return {Event::kRefused, taken};
    ++taken;
    if (phase == Phase::kChunkLine) continue;
    const Step rest = step(offered.subspan(taken));
    return {rest.event, taken + rest.consumed, rest.body};
  }
  return {Event::kNeedMore, taken};
}

/// Takes one byte of the lines between chunks. llhttp reads the size; extensions are skipped here,
/// since llhttp refuses some that RFC 9112 section 7.1.1 allows and lets endless ones through.
bool Parser::State::take_chunk_line_byte(uint8_t byte) {
  if (++chunk_line_bytes > limits::kHttpChunkLineBytesMax) {
    return refuse("chunk_line_too_long", "a chunk's size and extensions are too long");
  }
  const bool control =
      (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f;
  if (control || (last_byte == '\r') != (byte == '\n')) {
    return refuse("bad_chunk", "a chunk's lines are malformed");
  }
  last_byte = byte;
  in_extension = byte == ';' || (in_extension && byte != '\r');
  if (in_extension) return true;
  if (!feed(as_text({&byte, 1}))) return false;
  if (!chunk_header) return true;
  chunk_header = false;
  chunk_line_bytes = 0;
  last_byte = 0;
  remaining = llhttp.content_length;
  if (remaining > 0) {
    phase = Phase::kChunkData;
  } else {
    scanner.reset(HeadScanner::Section::kTrailers);
    phase = Phase::kTrailers;
  }
  return true;
}

/// Reads and checks the trailer fields. A request's are then dropped: nothing has a use for them.
Parser::Step Parser::State::on_trailers(Bytes offered) {
  const auto [outcome, consumed] = scanner.scan(offered);
  if (outcome == HeadScanner::Outcome::kRefused) {
    refuse(scanner.refusal());
    return {Event::kRefused, consumed};
  }
  raw.append(as_text(offered.first(consumed)));
  if (outcome == HeadScanner::Outcome::kMore) return {Event::kNeedMore, consumed};
  if (!check_trailer_names() || !feed(raw)) return {Event::kRefused, consumed};
  if (!message_complete) {
    refuse("ambiguous_framing", "the end of the message cannot be told for certain");
    return {Event::kRefused, consumed};
  }
  if (kind == Kind::kResponse) keep_trailers();
  begin_message();
  return {Event::kEnd, consumed};
}

void Parser::State::keep_trailers() {
  const auto text_of = [this](TextSpan span) {
    return raw.substr(span.begin, span.end - span.begin);
  };
  for (const FieldSpan& field : scanner.fields()) {
    trailers.push_back({.name = text_of(field.name), .value = text_of(field.value)});
  }
}

bool Parser::State::check_trailer_names() {
  for (const FieldSpan& field : scanner.fields()) {
    const auto name =
        std::string_view(raw).substr(field.name.begin, field.name.end - field.name.begin);
    if (is_forbidden_trailer(name)) {
      return refuse("bad_trailer", "a trailer names a field that frames or routes the message");
    }
  }
  return true;
}

Parser::Event Parser::State::on_eof() {
  switch (phase) {
    case Phase::kToEof:
    case Phase::kEnding:
      begin_message();
      return Event::kEnd;
    case Phase::kHead:
      if (!scanner.has_begun() && interim_responses == 0) return Event::kNeedMore;
      break;
    case Phase::kRefused:
      return Event::kRefused;
    case Phase::kLength:
    case Phase::kChunkLine:
    case Phase::kChunkData:
    case Phase::kTrailers:
      break;
  }
  refuse("cut", "the connection ended in the middle of a message");
  return Event::kRefused;
}

Parser::Parser(Kind kind) : state_(std::make_unique<State>(kind)) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

Parser::Step Parser::step(Bytes offered) {
  return state_->step(offered);
}
Parser::Event Parser::on_eof() {
  return state_->on_eof();
}
void Parser::next_response_has_no_body() {
  state_->no_response_body = true;
}
Head Parser::take_head() {
  return std::move(state_->head);
}

const Head& Parser::head() const {
  return state_->head;
}
const std::vector<Header>& Parser::trailers() const {
  return state_->trailers;
}

const Refusal& Parser::refusal() const {
  return state_->refusal;
}

bool Parser::in_message() const {
  return state_->phase != State::Phase::kHead || state_->scanner.has_begun() ||
         state_->interim_responses > 0;
}

}  // namespace daphnis::http

#include "common/http/http_scanner.h"

#include <array>

#include "common/base/limits.h"

namespace daphnis::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<uint8_t>(c)] = true;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenTable = make_token_table();

/// True for visible characters, space, tab and obs-text (RFC 9110 section 5.5).
bool is_value_char(uint8_t byte) {
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

bool is_token_char(uint8_t byte) {
  return kTokenTable[byte];
}

void HeadScanner::reset(Section section) {
  section_ = section;
  state_ = section == Section::kTrailers ? State::kFieldStart : State::kStart;
  skipped_empty_line_ = false;
  at_ = 0;
  method_ = target_ = version_ = {};
  fields_.clear();
}

size_t HeadScanner::section_bytes_max() const {
  return section_ == Section::kTrailers ? limits::kHttpTrailerBytesMax : limits::kHttpHeadBytesMax;
}

HeadScanner::Progress HeadScanner::scan(Bytes bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (state_ == State::kDone) return {Outcome::kComplete, i};
    if (at_ >= section_bytes_max()) {
      refuse(431, "head_too_large", "the header section is larger than this server reads");
    } else {
      on_byte(bytes[i]);
    }
    if (state_ == State::kRefused) return {Outcome::kRefused, i};
    ++at_;
  }
  return {state_ == State::kDone ? Outcome::kComplete : Outcome::kMore, bytes.size()};
}

void HeadScanner::on_byte(uint8_t byte) {
  switch (state_) {
    case State::kStart:
      return on_start(byte);
    case State::kLeadingLf:
      return expect_lf(byte, State::kStart);
    case State::kMethod:
      return on_method(byte);
    case State::kTarget:
      return on_target(byte);
    case State::kVersion:
      return on_version(byte);
    case State::kStartLineLf:
      return expect_lf(byte, State::kFieldStart);
    case State::kFieldStart:
      return on_field_start(byte);
    case State::kFieldName:
      return on_field_name(byte);
    case State::kValueStart:
      return on_value_start(byte);
    case State::kValue:
      return on_value(byte);
    case State::kValueLf:
      return expect_lf(byte, State::kFieldStart);
    case State::kLastLf:
      return expect_lf(byte, State::kDone);
    case State::kDone:
    case State::kRefused:
      return;
  }
}

void HeadScanner::on_start(uint8_t byte) {
  if (section_ == Section::kResponse) {
    if (byte != 'H') return refuse(400, "bad_start_line", "not an HTTP/1 response");
    version_.begin = at_;
    state_ = State::kVersion;
    return;
  }
  // RFC 9112 section 2.2: an empty line before a request is to be ignored; we ignore one.
  if (byte == '\r' && !skipped_empty_line_) {
    skipped_empty_line_ = true;
    state_ = State::kLeadingLf;
    return;
  }
  method_.begin = at_;
  state_ = State::kMethod;
  on_method(byte);
}

void HeadScanner::on_method(uint8_t byte) {
  if (byte == ' ' && at_ > method_.begin) {
    method_.end = at_;
    target_.begin = at_ + 1;
    state_ = State::kTarget;
    return;
  }
  if (!is_token_char(byte)) return refuse(400, "bad_start_line", "not an HTTP/1 request");
  if (at_ - method_.begin >= limits::kHttpMethodBytesMax) {
    refuse(501, "method_unknown", "the method is longer than any known one");
  }
}

void HeadScanner::on_target(uint8_t byte) {
  if (byte == ' ' && at_ > target_.begin) {
    target_.end = at_;
    version_.begin = at_ + 1;
    state_ = State::kVersion;
    return;
  }
  if (byte <= 0x20 || byte >= 0x7f) {
    return refuse(400, "bad_target", "the request target has a byte that must be percent-encoded");
  }
  if (at_ - target_.begin >= limits::kHttpTargetBytesMax) {
    refuse(414, "target_too_long", "the request target is longer than this server reads");
  }
}

void HeadScanner::on_version(uint8_t byte) {
  if (byte == '\r') {
    version_.end = at_;
    state_ = State::kStartLineLf;
    return;
  }
  // Only a response has anything but the version here: its status and reason phrase.
  const bool fits = section_ == Section::kResponse || at_ - version_.begin < 8;
  if (!fits || !is_value_char(byte)) refuse(400, "bad_start_line", "the start line is malformed");
}

void HeadScanner::on_field_start(uint8_t byte) {
  if (byte == '\r') {
    state_ = State::kLastLf;
    return;
  }
  if (byte == ' ' || byte == '\t') {
    return refuse(400, "obs_fold", "a header line begins with white space");
  }
  if (fields_.size() >= limits::kHttpHeadersMax) {
    return refuse(431, "too_many_headers", "more header fields than this server reads");
  }
  fields_.push_back({.name = {at_, at_}, .value = {}});
  state_ = State::kFieldName;
  on_field_name(byte);
}

void HeadScanner::on_field_name(uint8_t byte) {
  TextSpan& name = fields_.back().name;
  if (byte == ':' && at_ > name.begin) {
    name.end = at_;
    fields_.back().value = {at_ + 1, at_ + 1};
    state_ = State::kValueStart;
    return;
  }
  if (!is_token_char(byte)) refuse(400, "bad_header_name", "a header name is empty or malformed");
}

void HeadScanner::on_value_start(uint8_t byte) {
  if (byte == ' ' || byte == '\t') return;
  fields_.back().value = {at_, at_};
  state_ = State::kValue;
  on_value(byte);
}

void HeadScanner::on_value(uint8_t byte) {
  if (byte == '\r') {
    state_ = State::kValueLf;
    return;
  }
  if (!is_value_char(byte)) {
    return refuse(400, "bad_header_value", "a header value has a control character");
  }
  if (byte != ' ' && byte != '\t') fields_.back().value.end = at_ + 1;
}

void HeadScanner::expect_lf(uint8_t byte, State next) {
  if (byte != '\n') return refuse(400, "bare_cr", "a carriage return without a line feed");
  state_ = next;
}

void HeadScanner::refuse(int status, std::string_view code, std::string_view detail) {
  refusal_ = {status, code, detail};
  state_ = State::kRefused;
}

}  // namespace daphnis::http

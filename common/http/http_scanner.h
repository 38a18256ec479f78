#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/http/http_parser.h"

namespace daphnis::http {

/// Part of a head, by offsets from the first byte offered since reset().
struct TextSpan {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct FieldSpan {
  TextSpan name;
  TextSpan value;  ///< Trimmed of optional white space.
};

/// Finds the lines of an HTTP/1 head (RFC 9112 sections 2 to 5) or trailer section byte by byte and
/// refuses at the first byte that does not belong: bare CR or LF, NUL and other controls, obs-fold,
/// white space round a field name, an empty name, and everything past the limits. It keeps offsets,
/// never bytes. Owned by a Parser; one per connection, reset for each message.
class HeadScanner {
 public:
  enum class Section { kRequest, kResponse, kTrailers };
  enum class Outcome { kMore, kComplete, kRefused };
  struct Progress {
    Outcome outcome;
    size_t consumed;  ///< Including the last byte of the section, or up to the offending one.
  };

  void reset(Section section);
  [[nodiscard]] Progress scan(Bytes bytes);

  /// True once a byte of the section itself (not of an empty line before it) was seen.
  [[nodiscard]] bool has_begun() const { return state_ > State::kLeadingLf; }
  /// Valid after kComplete. Requests: the three parts of the request line. Responses: `version` is
  /// the whole status line. All offsets count from the first byte offered since reset().
  [[nodiscard]] TextSpan method() const { return method_; }
  [[nodiscard]] TextSpan target() const { return target_; }
  [[nodiscard]] TextSpan version() const { return version_; }
  [[nodiscard]] const std::vector<FieldSpan>& fields() const { return fields_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

 private:
  enum class State : uint8_t {
    kStart,
    kLeadingLf,
    kMethod,
    kTarget,
    kVersion,
    kStartLineLf,
    kFieldStart,
    kFieldName,
    kValueStart,
    kValue,
    kValueLf,
    kLastLf,
    kDone,
    kRefused,
  };

  void on_byte(uint8_t byte);
  void on_start(uint8_t byte);
  void on_method(uint8_t byte);
  void on_target(uint8_t byte);
  void on_version(uint8_t byte);
  void on_field_start(uint8_t byte);
  void on_field_name(uint8_t byte);
  void on_value_start(uint8_t byte);
  void on_value(uint8_t byte);
  void expect_lf(uint8_t byte, State next);
  void refuse(int status, std::string_view code, std::string_view detail);
  [[nodiscard]] size_t section_bytes_max() const;

  Section section_ = Section::kRequest;
  State state_ = State::kStart;
  bool skipped_empty_line_ = false;
  uint32_t at_ = 0;  ///< Offset of the byte being looked at.
  TextSpan method_;
  TextSpan target_;
  TextSpan version_;
  std::vector<FieldSpan> fields_;
  Refusal refusal_;
};

/// True for the characters of methods, field names and parameters (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token_char(uint8_t byte);

}  // namespace daphnis::http

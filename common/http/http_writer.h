#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/slice.h"

namespace daphnis::http {

/// The phrase of RFC 9110 section 15 for `status`; "Unknown" for one it does not name.
[[nodiscard]] std::string_view reason_phrase(int status);

/// IMF-fixdate (RFC 9110 section 5.6.7) of seconds since 1970, for the years 1970 to 9999; other
/// times are moved to the nearest of these. Always 29 bytes. A caller may reuse the text for as
/// long as its second lasts.
[[nodiscard]] std::string http_date(int64_t unix_seconds);

/// True where `value` may stand in a field: no control but tab, no space or tab at its ends.
[[nodiscard]] bool is_field_value(std::string_view value);

/// Field lines that are checked and written out once, to be added to many heads.
class FieldLines {
 public:
  FieldLines& add(std::string_view name, std::string_view value);
  FieldLines& add(std::string_view name, uint64_t value);
  FieldLines& add(const FieldLines& lines);
  /// Makes space for that many bytes of lines.
  FieldLines& reserve(size_t bytes);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Builds the head of one HTTP/1 message. A name or value that could break out of its line is a bug
/// of the caller's and aborts the process: text from a peer must pass is_field_value() first.
class HeadWriter {
 public:
  /// "HTTP/1.1 200 OK". The version is 1.1 whatever the request's was (RFC 9110 section 2.5).
  [[nodiscard]] static HeadWriter response(int status);
  /// "GET target HTTP/1.1"; `target` must consist of visible ASCII.
  [[nodiscard]] static HeadWriter request(std::string_view method, std::string_view target);

  HeadWriter& add(std::string_view name, std::string_view value);
  HeadWriter& add(std::string_view name, uint64_t value);
  HeadWriter& add(const FieldLines& lines);

  /// The head with its empty line; the writer is spent.
  [[nodiscard]] std::string finish();

 private:
  HeadWriter() = default;

  std::string text_;
};

/// The line before a chunk's data (RFC 9112 section 7.1), held without an allocation.
class ChunkHead {
 public:
  /// `size` is the data's, in bytes, and not 0: an empty chunk would end the body.
  explicit ChunkHead(uint64_t size);

  [[nodiscard]] Bytes bytes() const { return {digits_.data() + begin_, digits_.size() - begin_}; }

 private:
  std::array<uint8_t, 18> digits_;  ///< At most 16 digits and CRLF, at the end.
  size_t begin_;
};

inline constexpr std::string_view kChunkEnd = "\r\n";  ///< After a chunk's data.
inline constexpr std::string_view kLastChunk =
    "0\r\n\r\n";  ///< Ends a whole body; never a cut one.
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace daphnis::http

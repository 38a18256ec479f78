#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace daphnis {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

[[nodiscard]] std::string_view name(LogLevel level);
/// Reads "debug", "info", "warn" or "error". False: `text` is none of them.
[[nodiscard]] bool parse_log_level(std::string_view text, LogLevel& out);

/// Builds one logfmt line: `event=l2_registered l2=home-7`. Values with spaces, quotes, '=' or
/// control bytes are quoted and escaped, so nothing a peer wrote can forge a field or a line. A
/// value is cut at kValueBytesMax.
class LogLine {
 public:
  static constexpr size_t kValueBytesMax = 512;

  explicit LogLine(std::string_view event) {
    text_.reserve(kUsualBytes);
    add("event", event);
  }

  LogLine& add(std::string_view key, std::string_view value);
  LogLine& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }
  template <class Integer>
  requires std::integral<Integer> LogLine& add(std::string_view key, Integer value) {
    return add(key, std::string_view(std::to_string(value)));
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr size_t kUsualBytes = 320;  ///< Most lines fit without a second allocation.

  std::string text_;
};

}  // namespace daphnis

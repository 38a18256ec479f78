#include "common/base/logfmt.h"

#include <algorithm>
#include <array>

namespace daphnis {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

/// True for each byte that may stand in a value without quotes.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t byte = ' ' + 1; byte < 0x7f; ++byte) {
    plain[byte] = byte != '"' && byte != '=' && byte != '\\';
  }
  return plain;
}();

bool needs_quotes(std::string_view value) {
  return value.empty() ||
         !std::ranges::all_of(value, [](char c) { return kPlain[static_cast<unsigned char>(c)]; });
}

void append_quoted(std::string& out, std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte < ' ' || byte == 0x7f) {
      out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

std::string_view name(LogLevel level) {
  return kLevels[static_cast<size_t>(level)];
}

bool parse_log_level(std::string_view text, LogLevel& out) {
  const auto found = std::ranges::find(kLevels, text);
  if (found == kLevels.end()) return false;
  out = static_cast<LogLevel>(found - kLevels.begin());
  return true;
}

LogLine& LogLine::add(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_.push_back(' ');
  text_.append(key).push_back('=');
  value = value.substr(0, kValueBytesMax);
  if (needs_quotes(value)) {
    append_quoted(text_, value);
  } else {
    text_.append(value);
  }
  return *this;
}

}  // namespace daphnis

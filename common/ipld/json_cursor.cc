#include "common/ipld/dag_json.h"

namespace daphnis {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The value of four hexadecimal digits; nullopt where they are not.
std::optional<uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const char low = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      value = value << 4 | static_cast<uint32_t>(c - '0');
    } else if (low >= 'a' && low <= 'f') {
      value = value << 4 | static_cast<uint32_t>(low - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

}  // namespace

char JsonCursor::peek() {
  const size_t at = rest_.find_first_not_of(" \t\n\r");
  rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at);
  return rest_.empty() ? '\0' : rest_[0];
}

bool JsonCursor::take(char wanted) {
  if (peek() != wanted || rest_.empty()) return false;
  rest_.remove_prefix(1);
  return true;
}

bool JsonCursor::take_escape() {
  if (rest_.empty()) return false;
  const char kind = rest_[0];
  rest_.remove_prefix(1);
  if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
  if (!hex4(rest_)) return false;
  rest_.remove_prefix(4);
  return true;
}

std::optional<std::string_view> JsonCursor::take_string() {
  if (!take('"')) return std::nullopt;
  const std::string_view start = rest_;
  while (!rest_.empty()) {
    const char c = rest_[0];
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    rest_.remove_prefix(1);
    if (c == '"') return start.substr(0, start.size() - rest_.size() - 1);
    if (c == '\\' && !take_escape()) return std::nullopt;
  }
  return std::nullopt;
}

size_t JsonCursor::take_digits() {
  size_t count = 0;
  while (count < rest_.size() && is_digit(rest_[count])) ++count;
  rest_.remove_prefix(count);
  return count;
}

bool JsonCursor::take_number() {
  if (rest_.starts_with('-')) rest_.remove_prefix(1);
  const bool begins_with_zero = rest_.starts_with('0');
  const size_t digits = take_digits();
  if (digits == 0 || (begins_with_zero && digits > 1)) return false;
  if (rest_.starts_with('.')) {
    rest_.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  if (rest_.starts_with('e') || rest_.starts_with('E')) {
    rest_.remove_prefix(1);
    if (rest_.starts_with('+') || rest_.starts_with('-')) rest_.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  return true;
}

bool JsonCursor::take_scalar() {
  (void)peek();
  for (const std::string_view word : {"true", "false", "null"}) {
    if (rest_.starts_with(word)) {
      rest_.remove_prefix(word.size());
      return true;
    }
  }
  return take_number();
}

std::string unescaped_json(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const char c = raw[0];
    raw.remove_prefix(1);
    if (c != '\\' || raw.empty()) {
      out.push_back(c);
      continue;
    }
    const char kind = raw[0];
    raw.remove_prefix(1);
    constexpr std::string_view kKinds = "bfnrt";
    constexpr std::string_view kMeant = "\b\f\n\r\t";
    if (const size_t at = kKinds.find(kind); at != std::string_view::npos) {
      out.push_back(kMeant[at]);
    } else if (kind != 'u') {
      out.push_back(kind);
    } else if (const std::optional<uint32_t> high = hex4(raw)) {
      raw.remove_prefix(4);
      const bool may_pair = *high >= 0xd800 && *high < 0xdc00 && raw.starts_with("\\u");
      const std::optional<uint32_t> low = may_pair ? hex4(raw.substr(2)) : std::nullopt;
      if (low && *low >= 0xdc00 && *low < 0xe000) {
        raw.remove_prefix(6);
        append_utf8(out, 0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00));
      } else {
        append_utf8(out, *high);
      }
    }
  }
  return out;
}

}  // namespace daphnis

#include "common/denylist/denylist_header.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace daphnis {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view unquoted(std::string_view text) {
  text = trimmed(text);
  const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                         text.back() == text.front();
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

/// Reads "name: value" into a hint.
void read_hint(std::string_view field, bool& is_legal) {
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos) return;
  read_deny_hint(unquoted(field.substr(0, colon)), unquoted(field.substr(colon + 1)), is_legal);
}

/// Reads "{name: value, …}".
void read_flow_hints(std::string_view text, bool& is_legal) {
  text = trimmed(text);
  if (text.starts_with('{')) text.remove_prefix(1);
  if (text.ends_with('}')) text.remove_suffix(1);
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    read_hint(text.substr(0, comma), is_legal);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void read_deny_hint(std::string_view name, std::string_view value, bool& is_legal) {
  if (name == "gateway_status") is_legal = value == "451";
}

Result<DenylistHeader> read_denylist_header(std::string_view text) {
  DenylistHeader header;
  bool is_in_hints = false;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    const std::string_view field = trimmed(line);
    if (field.empty() || field.starts_with('#')) continue;
    const bool is_indented = kSpace.find(line.front()) != std::string_view::npos;
    if (is_indented && is_in_hints) read_hint(field, header.is_legal);
    if (is_indented) continue;
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) {
      return fail(Errc::kMalformed, std::to_string(number) + ": no field of a header");
    }
    const std::string_view name = unquoted(field.substr(0, colon));
    const std::string_view value = trimmed(field.substr(colon + 1));
    is_in_hints = name == "hints";
    if (is_in_hints) read_flow_hints(value, header.is_legal);
    if (name == "version" && unquoted(value) != "1") {
      return fail(Errc::kUnsupported, std::to_string(number) + ": a list of version " +
                                          std::string(unquoted(value)) + ", and only 1 is known");
    }
  }
  return header;
}

}  // namespace daphnis

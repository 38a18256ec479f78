#include "common/peer/forwarded.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>

#include "common/http/http_head.h"
#include "common/http/http_scanner.h"

namespace daphnis::peer {
namespace {

constexpr size_t kPortDigitsMax = 5;

/// True for a quote that a backslash before it makes a part of its quoted string.
bool is_escaped(std::string_view text, size_t at) {
  size_t backslashes = 0;
  while (backslashes < at && text[at - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

/// Takes what stands behind the last `separator` off the end of `list`, and the separator. Quoted
/// strings are not split. Reading begins at the end, since the front is the client's: a quote that
/// it never closed must not swallow what a proxy has added.
std::string_view take_last(std::string_view& list, char separator) {
  bool is_quoted = false;
  size_t at = list.size();
  for (; at > 0; --at) {
    const char c = list[at - 1];
    if (c == '"' && !(is_quoted && is_escaped(list, at - 1))) is_quoted = !is_quoted;
    if (c == separator && !is_quoted) break;
  }
  const std::string_view last = http::trimmed(list.substr(at));
  list = list.substr(0, at == 0 ? 0 : at - 1);
  return last;
}

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return http::is_token_char(static_cast<uint8_t>(c));
  });
}

/// The text of a quoted string (RFC 9110 section 5.6.4).
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
    out.push_back(text[i]);
  }
  return out;
}

/// A port, or the name that hides one (RFC 7239 section 6), with the colon before it; or nothing.
bool is_port_part(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != ':' || text.size() == 1) return false;
  text.remove_prefix(1);
  if (text.front() == '_') return is_token(text);
  return text.size() <= kPortDigitsMax &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// An address, perhaps with a port: 192.0.2.1, 192.0.2.1:80, [2001:db8::1], [2001:db8::1]:80.
std::optional<IpAddress> parse_node(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const size_t end = is_bracketed ? text.find(']') : text.find(':');
  if (is_bracketed && end == std::string_view::npos) return std::nullopt;
  const std::string_view literal =
      is_bracketed ? text.substr(1, end - 1) : text.substr(0, std::min(end, text.size()));
  const std::string_view port =
      is_bracketed ? text.substr(end + 1) : text.substr(std::min(end, text.size()));
  const bool has_colons = literal.find(':') != std::string_view::npos;
  if (is_bracketed != has_colons || !is_port_part(port)) return std::nullopt;
  return IpAddress::parse(literal);
}

/// A member of X-Forwarded-For, where IPv6 mostly comes without brackets.
std::optional<IpAddress> read_x_forwarded_for(std::string_view member) {
  if (std::ranges::count(member, ':') > 1 && !member.starts_with('[')) {
    return IpAddress::parse(member);
  }
  return parse_node(member);
}

/// The `for` of an element of Forwarded (RFC 7239 section 4). Nothing where it has none that is an
/// address, or anything in it is malformed.
std::optional<IpAddress> read_forwarded(std::string_view element) {
  std::optional<std::string> node;
  while (!element.empty()) {
    const std::string_view pair = take_last(element, ';');
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !is_token(pair.substr(0, equals))) return std::nullopt;
    const std::string_view written = pair.substr(equals + 1);
    std::optional<std::string> value = unquoted(written);
    if (!value && is_token(written)) value = std::string(written);
    if (!value) return std::nullopt;
    if (!http::equals_ignoring_case(pair.substr(0, equals), "for")) continue;
    if (node) return std::nullopt;
    node = std::move(value);
  }
  return node ? parse_node(*node) : std::nullopt;
}

}  // namespace

IpAddress client_address(const IpAddress& peer, const http::Head& head, ClientField field,
                         const CidrSet& trusted) {
  if (field == ClientField::kNone) return peer;
  const bool is_list = field == ClientField::kXForwardedFor;
  const std::string_view name = is_list ? "x-forwarded-for" : "forwarded";
  IpAddress client = peer;
  size_t proxies = 0;
  for (const http::Header& header : head.headers | std::views::reverse) {
    if (!http::equals_ignoring_case(header.name, name)) continue;
    std::string_view members = header.value;
    while (!members.empty()) {
      const std::string_view member = take_last(members, ',');
      if (member.empty()) continue;
      if (proxies++ == kProxiesInRowMax || !trusted.contains(client)) return client;
      const auto said = is_list ? read_x_forwarded_for(member) : read_forwarded(member);
      if (!said) return client;
      client = *said;
    }
  }
  return client;
}

}  // namespace daphnis::peer

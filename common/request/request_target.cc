#include "common/request/request_target.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/http/http_head.h"
#include "common/request/car_request.h"

namespace daphnis::http {
namespace {

std::unexpected<Refusal> refuse(int status, std::string_view code, std::string_view detail) {
  return std::unexpected(Refusal{status, code, detail});
}

/// The value of a hex digit, 0 to 15; -1 for any other character.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The characters that need no percent-escape (RFC 3986 section 2.3).
bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// Decodes a query's key or value: like percent_decode(), and '+' stands for a space.
bool form_decode(std::string_view text, std::string& out) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced, out);
}

/// Cuts `text` at its first `mark` and returns what stood before; `text` becomes the rest.
std::string_view cut(std::string_view& text, char mark) {
  const size_t at = text.find(mark);
  const std::string_view first = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return first;
}

std::expected<Cid, Refusal> read_root(std::string_view text) {
  std::string decoded;
  if (!percent_decode(text, decoded)) {
    return refuse(400, "bad_escape", "a percent-escape in the path is malformed");
  }
  const auto root = Cid::from_text(decoded);
  if (!root) return refuse(400, "bad_cid", "what follows /ipfs/ is not a CID");
  return *root;
}

}  // namespace

std::expected<Target, Refusal> split_target(std::string_view target) {
  const auto bad = [] { return refuse(400, "bad_target", "the request target is malformed"); };
  if (target == "*") return Target{.path = target, .query = {}};
  if (target.find('#') != std::string_view::npos) return bad();
  if (!target.starts_with('/')) {
    const size_t scheme_end = target.find("://");
    const std::string_view scheme = target.substr(0, scheme_end);
    const bool known =
        equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
    if (scheme_end == std::string_view::npos || !known) return bad();
    target.remove_prefix(scheme_end + 3);
    const size_t path_at = target.find_first_of("/?");
    if (path_at == 0) return bad();
    target = path_at == std::string_view::npos ? std::string_view{} : target.substr(path_at);
  }
  std::string_view query = target;
  const std::string_view path = cut(query, '?');
  // RFC 9110 section 4.2.3: an http URI's empty path is "/".
  return Target{.path = path.empty() ? std::string_view("/") : path, .query = query};
}

bool percent_decode(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += "0123456789ABCDEF"[byte >> 4];
    out += "0123456789ABCDEF"[byte & 15];
  }
  return out;
}

std::expected<Query, Refusal> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    std::string_view value = cut(text, '&');
    if (value.empty()) continue;
    if (query.fields_.size() >= limits::kHttpQueryFieldsMax) {
      return refuse(400, "too_many_parameters", "more query parameters than this server reads");
    }
    const std::string_view key = cut(value, '=');
    Field& field = query.fields_.emplace_back();
    if (!form_decode(key, field.key) || !form_decode(value, field.value)) {
      return refuse(400, "bad_escape", "a percent-escape in the query is malformed");
    }
  }
  return query;
}

const std::string* Query::find(std::string_view key) const {
  const auto at = std::ranges::find(fields_, key, &Field::key);
  return at == fields_.end() ? nullptr : &at->value;
}

bool Query::is_repeated(std::string_view key) const {
  return std::ranges::count(fields_, key, &Field::key) > 1;
}

std::expected<IpfsPath, Refusal> parse_ipfs_path(std::string_view path) {
  constexpr std::string_view kPrefix = "/ipfs/";
  if (path.starts_with("/ipns/")) {
    return refuse(501, "ipns_unsupported", "this gateway serves /ipfs/ only");
  }
  if (!path.starts_with(kPrefix)) {
    return refuse(404, "unknown_path", "content lives at /ipfs/{cid}[/path]");
  }
  std::string_view rest = path.substr(kPrefix.size());
  const auto root = read_root(cut(rest, '/'));
  if (!root) return std::unexpected(root.error());
  IpfsPath read{.root = *root};
  while (!rest.empty()) {
    const std::string_view raw = cut(rest, '/');
    if (raw.empty()) continue;
    if (read.segments.size() >= limits::kPathSegmentsMax) {
      return refuse(400, "path_too_deep", "the path has more segments than this server reads");
    }
    std::string& segment = read.segments.emplace_back();
    if (!percent_decode(raw, segment)) {
      return refuse(400, "bad_escape", "a percent-escape in the path is malformed");
    }
    if (!is_path_segment(segment)) {
      return refuse(400, "bad_path", "a path segment is . or .., not UTF-8, or hides a / or NUL");
    }
  }
  return read;
}

std::string to_text(const IpfsPath& path) {
  std::string text = "/ipfs/" + path.root.text();
  for (const std::string& segment : path.segments) text.append("/").append(percent_encode(segment));
  return text;
}

}  // namespace daphnis::http

#include "common/http/http_head.h"

#include <algorithm>

namespace daphnis::http {
namespace {

std::unexpected<Refusal> refuse(int status, std::string_view code, std::string_view detail) {
  return std::unexpected(Refusal{status, code, detail});
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view text_of(std::string_view raw, TextSpan span) {
  return raw.substr(span.begin, span.end - span.begin);
}

void copy_fields(Head& head, std::string_view raw, const HeadScanner& scanner) {
  head.headers.reserve(scanner.fields().size());
  for (const FieldSpan& field : scanner.fields()) {
    head.headers.push_back({.name = std::string(text_of(raw, field.name)),
                            .value = std::string(text_of(raw, field.value))});
  }
}

/// The minor version of "HTTP/1.0" or "HTTP/1.1"; a refusal of any other text.
std::expected<int, Refusal> minor_version(std::string_view text) {
  const bool shaped = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                      text[6] == '.' && is_digit(text[7]);
  if (!shaped) return refuse(400, "bad_start_line", "the HTTP version is malformed");
  if (text[5] != '1' || text[7] > '1') {
    return refuse(505, "version_unsupported", "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  return text[7] - '0';
}

/// Content-Length (RFC 9110 section 8.6), read more strictly: decimal digits alone, below 2^63.
std::expected<uint64_t, Refusal> parse_length(std::string_view value) {
  constexpr uint64_t kMax = uint64_t{1} << 63;
  const auto bad = [] {
    return refuse(400, "bad_content_length", "Content-Length is not a number");
  };
  if (value.empty()) return bad();
  uint64_t length = 0;
  for (char c : value) {
    if (!is_digit(c)) return bad();
    const auto digit = static_cast<uint64_t>(c - '0');
    if (length > (kMax - 1 - digit) / 10) {
      return refuse(400, "bad_content_length", "Content-Length is too large");
    }
    length = length * 10 + digit;
  }
  return length;
}

/// Transfer-Encoding (RFC 9112 sections 6.1 and 7), read more strictly: `chunked` alone, once.
std::expected<void, Refusal> check_codings(std::string_view value) {
  const std::vector<std::string_view> codings = list_members(value);
  if (codings.size() == 1 && equals_ignoring_case(codings[0], "chunked")) return {};
  const auto is_chunked = [](std::string_view coding) {
    return equals_ignoring_case(trimmed(coding.substr(0, coding.find(';'))), "chunked");
  };
  const auto chunked = std::ranges::count_if(codings, is_chunked);
  const bool only_last = chunked == 1 && equals_ignoring_case(codings.back(), "chunked");
  if (codings.empty() || (chunked > 0 && !only_last)) {
    return refuse(400, "bad_transfer_encoding", "chunked must come once, last and bare");
  }
  return refuse(501, "transfer_coding_unknown", "the only transfer coding known here is chunked");
}

/// Decides by Content-Length and Transfer-Encoding where the message ends.
std::expected<void, Refusal> decide_framing(Head& head) {
  bool coded = false;
  for (const Header& header : head.headers) {
    if (equals_ignoring_case(header.name, "content-length")) {
      if (head.content_length) {
        return refuse(400, "repeated_content_length", "more than one Content-Length");
      }
      const auto length = parse_length(header.value);
      if (!length) return std::unexpected(length.error());
      head.content_length = *length;
    } else if (equals_ignoring_case(header.name, "transfer-encoding")) {
      if (coded) return refuse(400, "bad_transfer_encoding", "more than one Transfer-Encoding");
      coded = true;
      if (auto fine = check_codings(header.value); !fine) return fine;
    }
  }
  if (coded && head.minor == 0) {
    return refuse(400, "transfer_encoding_on_http_1_0", "HTTP/1.0 has no Transfer-Encoding");
  }
  if (coded && head.content_length) {
    return refuse(400, "length_and_encoding", "both Content-Length and Transfer-Encoding");
  }
  head.chunked = coded;
  return {};
}

/// Reads Connection, Upgrade and Expect.
void decide_connection(Head& head) {
  bool close = false;
  bool keep = false;
  bool upgrade = false;
  for (const Header& header : head.headers) {
    if (equals_ignoring_case(header.name, "connection")) {
      for (std::string_view option : list_members(header.value)) {
        close |= equals_ignoring_case(option, "close");
        keep |= equals_ignoring_case(option, "keep-alive");
        upgrade |= equals_ignoring_case(option, "upgrade");
      }
    } else if (equals_ignoring_case(header.name, "expect") && head.minor == 1) {
      head.expects_continue |= equals_ignoring_case(header.value, "100-continue");
    }
  }
  head.keep_alive = !close && (head.minor == 1 || keep);
  // RFC 9110 section 7.8: Upgrade in an HTTP/1.0 request is to be ignored.
  head.upgrade = upgrade && head.minor == 1 && head.find("upgrade") != nullptr;
}

/// Visible characters that may not stand in a registered name (RFC 3986 section 3.2.2).
constexpr std::string_view kOutsideHost = "\"#/<>?@[\\]^`{|}";

/// uri-host [ ":" port ] (RFC 9110 section 7.2), empty allowed.
bool is_host(std::string_view value) {
  std::string_view rest = value;
  if (rest.starts_with('[')) {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    rest = rest.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return false;
  }
  const size_t colon = rest.find(':');
  const auto is_name_char = [](char c) {
    return c > 0x20 && c < 0x7f && kOutsideHost.find(c) == std::string_view::npos;
  };
  if (!std::ranges::all_of(rest.substr(0, colon), is_name_char)) return false;
  return colon == std::string_view::npos || std::ranges::all_of(rest.substr(colon + 1), is_digit);
}

}  // namespace

std::string_view uri_host(std::string_view host_field) {
  const size_t colon = host_field.rfind(':');
  const bool is_in_brackets =
      colon != std::string_view::npos && host_field.find(']', colon) != std::string_view::npos;
  return is_in_brackets ? host_field : host_field.substr(0, colon);
}

namespace {

/// RFC 9112 section 3.2: 400 for HTTP/1.1 without a Host, for two Hosts and for a malformed one.
std::expected<void, Refusal> check_host(const Head& head) {
  size_t hosts = 0;
  for (const Header& header : head.headers) {
    if (!equals_ignoring_case(header.name, "host")) continue;
    if (++hosts > 1) return refuse(400, "repeated_host", "more than one Host");
    if (!is_host(header.value)) return refuse(400, "bad_host", "the Host is malformed");
  }
  if (hosts == 0 && head.minor == 1) return refuse(400, "no_host", "HTTP/1.1 requires a Host");
  return {};
}

std::expected<int, Refusal> parse_status(std::string_view line) {
  const bool shaped = line.size() >= 12 && line[8] == ' ' && is_digit(line[9]) &&
                      is_digit(line[10]) && is_digit(line[11]) &&
                      (line.size() == 12 || line[12] == ' ');
  const int status = shaped ? (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0') : 0;
  if (status < 100 || status > 599) return refuse(400, "bad_status", "the status is malformed");
  return status;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> list_members(std::string_view list) {
  std::vector<std::string_view> members;
  const auto add = [&members](std::string_view part) {
    if (const auto member = trimmed(part); !member.empty()) members.push_back(member);
  };
  size_t begin = 0;
  bool quoted = false;
  bool escaped = false;  // Inside a quoted string, right after a backslash.
  for (size_t i = 0; i < list.size(); ++i) {
    if (escaped) {
      escaped = false;
    } else if (quoted && list[i] == '\\') {
      escaped = true;
    } else if (list[i] == '"') {
      quoted = !quoted;
    } else if (list[i] == ',' && !quoted) {
      add(list.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  add(list.substr(begin));
  return members;
}

const std::string* Head::find(std::string_view name) const {
  for (const Header& header : headers) {
    if (equals_ignoring_case(header.name, name)) return &header.value;
  }
  return nullptr;
}

std::expected<Head, Refusal> make_request_head(std::string_view raw, const HeadScanner& scanner) {
  Head head;
  head.method = text_of(raw, scanner.method());
  head.target = text_of(raw, scanner.target());
  const auto minor = minor_version(text_of(raw, scanner.version()));
  if (!minor) return std::unexpected(minor.error());
  head.minor = *minor;
  if (head.method == "CONNECT") return refuse(501, "connect_unsupported", "this is not a proxy");
  copy_fields(head, raw, scanner);
  if (auto fine = check_host(head); !fine) return std::unexpected(fine.error());
  if (auto fine = decide_framing(head); !fine) return std::unexpected(fine.error());
  decide_connection(head);
  return head;
}

std::expected<Head, Refusal> make_response_head(std::string_view raw, const HeadScanner& scanner) {
  Head head;
  const std::string_view line = text_of(raw, scanner.version());
  const auto minor = minor_version(line.substr(0, 8));
  if (!minor) return std::unexpected(minor.error());
  head.minor = *minor;
  const auto status = parse_status(line);
  if (!status) return std::unexpected(status.error());
  head.status = *status;
  copy_fields(head, raw, scanner);
  if (auto fine = decide_framing(head); !fine) return std::unexpected(fine.error());
  decide_connection(head);
  // Any other response may offer an upgrade; only 101 begins one (RFC 9110 section 7.8).
  head.upgrade = head.upgrade && head.status == 101;
  return head;
}

bool is_forbidden_trailer(std::string_view name) {
  constexpr std::string_view kForbidden[] = {"content-length", "transfer-encoding",
                                             "host",           "connection",
                                             "trailer",        "te",
                                             "upgrade",        "expect",
                                             "content-type",   "content-range",
                                             "authorization",  "cookie"};
  return std::ranges::any_of(kForbidden, [name](std::string_view forbidden) {
    return equals_ignoring_case(name, forbidden);
  });
}

}  // namespace daphnis::http

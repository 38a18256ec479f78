#include "l2/core/l1_url.h"

#include <algorithm>
#include <charconv>

#include "common/base/names.h"

namespace daphnis::l2 {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kTlsScheme = "https://";

std::unexpected<Error> not_a_url(std::string_view text) {
  return fail(Errc::kInvalid, "not an L1's address: " + std::string(text) +
                                  " (wanted is https://HOST:PORT or http://HOST:PORT)");
}

bool is_ipv6_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.';
}

}  // namespace

std::string L1Url::authority() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string L1Url::text() const {
  return std::string(is_tls ? kTlsScheme : kScheme) + authority();
}

Result<L1Url> parse_l1_url(std::string_view text) {
  L1Url url{.port = 80};
  std::string_view rest = text;
  if (rest.starts_with(kTlsScheme)) {
    url = {.port = 443, .is_tls = true};
    rest.remove_prefix(kTlsScheme.size());
  } else if (rest.starts_with(kScheme)) {
    rest.remove_prefix(kScheme.size());
  } else {
    return not_a_url(text);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);

  std::string_view after_host;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return not_a_url(text);
    url.host = rest.substr(1, end - 1);
    after_host = rest.substr(end + 1);
    if (!std::ranges::all_of(url.host, is_ipv6_byte)) return not_a_url(text);
  } else {
    const size_t end = std::min(rest.find(':'), rest.size());
    url.host = rest.substr(0, end);
    after_host = rest.substr(end);
    if (!std::ranges::all_of(url.host, is_name_char)) return not_a_url(text);
  }
  if (url.host.empty() || url.host.size() > 253) return not_a_url(text);
  if (after_host.empty()) return url;
  const char* end = after_host.data() + after_host.size();
  const auto [stop, error] = std::from_chars(after_host.data() + 1, end, url.port);
  if (after_host.front() != ':' || error != std::errc{} || stop != end || url.port == 0) {
    return not_a_url(text);
  }
  return url;
}

}  // namespace daphnis::l2

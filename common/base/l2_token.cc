#include "common/base/l2_token.h"

#include <algorithm>
#include <charconv>

#include "common/base/limits.h"
#include "common/base/names.h"

namespace daphnis {
namespace {

constexpr size_t kSecondsDigitsMax = 12;  ///< Up to the year 33658.

bool is_base64url_char(char c) {
  return is_name_char(c) && c != '.';
}

}  // namespace

std::optional<L2Token> parse_l2_token(std::string_view text) {
  if (text.size() > limits::kL2TokenBytesMax) return std::nullopt;
  const size_t mac_dot = text.rfind('.');
  if (mac_dot == std::string_view::npos) return std::nullopt;
  L2Token token{.claimed = text.substr(0, mac_dot), .mac = text.substr(mac_dot + 1)};
  const size_t seconds_dot = token.claimed.rfind('.');
  if (seconds_dot == std::string_view::npos) return std::nullopt;
  token.id = token.claimed.substr(0, seconds_dot);
  const std::string_view seconds = token.claimed.substr(seconds_dot + 1);
  if (seconds.empty() || seconds.size() > kSecondsDigitsMax || seconds.front() == '0') {
    return std::nullopt;
  }
  const auto [end, error] =
      std::from_chars(seconds.data(), seconds.data() + seconds.size(), token.until_s);
  const bool is_number = error == std::errc() && end == seconds.data() + seconds.size();
  const bool is_mac =
      token.mac.size() == kL2TokenMacChars && std::ranges::all_of(token.mac, is_base64url_char);
  if (!is_number || !is_mac || !is_name(token.id)) return std::nullopt;
  return token;
}

}  // namespace daphnis

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace daphnis {

/// The characters of an HMAC-SHA-256 in base64url without padding (RFC 4648 section 5).
inline constexpr size_t kL2TokenMacChars = 43;

/// The parts of the text by which an L2 shows who it is: `<id>.<unix seconds>.<mac>` (DESIGN 3).
/// Views of that text.
struct L2Token {
  std::string_view id = {};       ///< The L2 that it was made for; is_name().
  uint64_t until_s = 0;           ///< It is good before this time, in seconds since the epoch.
  std::string_view claimed = {};  ///< `<id>.<unix seconds>`, which the MAC is of.
  std::string_view mac = {};      ///< kL2TokenMacChars of [A-Za-z0-9_-].
};

/// Takes a token apart, from the right, since ids may hold dots. The seconds are 1 to 12 digits
/// without a leading zero. nullopt: it is none, or longer than kL2TokenBytesMax. Whether the MAC is
/// right is another matter.
[[nodiscard]] std::optional<L2Token> parse_l2_token(std::string_view text);

}  // namespace daphnis

#pragma once

#include <algorithm>
#include <string_view>

#include "common/base/limits.h"

namespace daphnis {

/// True for [A-Za-z0-9._-]. Text of these needs no quoting on a log line, in JSON or in a URL.
[[nodiscard]] constexpr bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

/// True for 1 to 64 characters of [A-Za-z0-9._-]: the form of L2 ids (DESIGN 3) and request ids.
[[nodiscard]] constexpr bool is_name(std::string_view text) {
  static_assert(limits::kL2IdBytesMax == limits::kRequestIdBytesMax);
  return !text.empty() && text.size() <= limits::kL2IdBytesMax &&
         std::ranges::all_of(text, is_name_char);
}

}  // namespace daphnis

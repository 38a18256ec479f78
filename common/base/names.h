#pragma once

#include <algorithm>
#include <string_view>

#include "common/base/limits.h"

namespace daphnis {

/// Of [A-Za-z0-9._-]: such text needs no quoting on any line, nor in a URL.
[[nodiscard]] constexpr bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

/// 1 to 64 of [A-Za-z0-9._-]: what L2 ids (DESIGN 3) and request ids are made of.
[[nodiscard]] constexpr bool is_name(std::string_view text) {
  static_assert(limits::kL2IdBytesMax == limits::kRequestIdBytesMax);
  return !text.empty() && text.size() <= limits::kL2IdBytesMax &&
         std::ranges::all_of(text, is_name_char);
}

}  // namespace daphnis

#pragma once

#include <algorithm>
#include <string_view>

#include "common/base/limits.h"

namespace daphnis::broker {

/// 1 to 64 of [A-Za-z0-9._-]: what L2 ids (DESIGN 3) and request ids are made of. Such text needs
/// no quoting on any line.
[[nodiscard]] inline bool is_name(std::string_view text) {
  static_assert(limits::kL2IdBytesMax == limits::kRequestIdBytesMax);
  return !text.empty() && text.size() <= limits::kL2IdBytesMax &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

}  // namespace daphnis::broker

#include "worker/gateway/byte_ranges.h"

#include <algorithm>
#include <charconv>

#include "common/http/http_head.h"

namespace daphnis::worker {
namespace {

/// Parses `text`, which must be digits only and not empty. A number beyond 64 bits becomes the
/// largest one: both name a place after any content's end.
std::optional<uint64_t> parse_position(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? value : UINT64_MAX;
}

}  // namespace

std::optional<RangeSpec> parse_range(std::string_view value) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  if (!http::equals_ignoring_case(value.substr(0, equals), "bytes")) return std::nullopt;
  if (value.substr(equals + 1).starts_with(' ') || value.substr(equals + 1).starts_with('\t')) {
    return std::nullopt;  // The grammar allows spaces around commas only.
  }
  const auto members = http::list_members(value.substr(equals + 1));
  if (members.size() != 1) return std::nullopt;
  const size_t dash = members[0].find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = members[0].substr(0, dash);
  const std::string_view last = members[0].substr(dash + 1);
  RangeSpec range{.first = parse_position(first), .last = parse_position(last)};
  if (!first.empty() && !range.first) return std::nullopt;
  if (!last.empty() && !range.last) return std::nullopt;
  if (!range.first && !range.last) return std::nullopt;
  if (range.first && range.last && *range.first > *range.last) return std::nullopt;
  return range;
}

std::optional<Part> part_of(const RangeSpec& range, uint64_t size) {
  if (!range.first) {
    const uint64_t length = std::min(*range.last, size);
    if (length == 0) return std::nullopt;
    return Part{.offset = size - length, .length = length};
  }
  if (*range.first >= size) return std::nullopt;
  const uint64_t last = std::min(range.last.value_or(UINT64_MAX), size - 1);
  return Part{.offset = *range.first, .length = last - *range.first + 1};
}

}  // namespace daphnis::worker

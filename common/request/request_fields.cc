#include "common/request/request_fields.h"

#include <fmt/format.h>

#include <charconv>

namespace daphnis {
namespace {

/// `text` as a decimal number with an optional '-'; nullopt where it is anything else.
std::optional<int64_t> parse_number(std::string_view text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string_view name(DagScope scope) {
  switch (scope) {
    case DagScope::kBlock:
      return "block";
    case DagScope::kEntity:
      return "entity";
    case DagScope::kAll:
      return "all";
  }
  return "unknown";
}

std::optional<DagScope> parse_dag_scope(std::string_view text) {
  for (DagScope scope : {DagScope::kBlock, DagScope::kEntity, DagScope::kAll}) {
    if (text == name(scope)) return scope;
  }
  return std::nullopt;
}

std::optional<ByteRange> parse_entity_bytes(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto from = parse_number(text.substr(0, colon));
  if (!from) return std::nullopt;
  ByteRange range{.from = *from, .to = {}};
  const std::string_view rest = text.substr(colon + 1);
  if (rest == "*") return range;
  range.to = parse_number(rest);
  if (!range.to) return std::nullopt;
  const bool same_side = (range.from < 0) == (*range.to < 0);
  if (same_side && range.from > *range.to) return std::nullopt;
  return range;
}

std::string to_text(const ByteRange& range) {
  return range.to ? fmt::format("{}:{}", range.from, *range.to) : fmt::format("{}:*", range.from);
}

}  // namespace daphnis

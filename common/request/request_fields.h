#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/request/car_request.h"

namespace daphnis {

/// The text of a CarRequest's fields, as in a gateway's query and on an L2's order line.

/// "block", "entity" or "all".
[[nodiscard]] std::string_view name(DagScope scope);
[[nodiscard]] std::optional<DagScope> parse_dag_scope(std::string_view text);

/// Reads "from:to", where `to` is a number or "*". nullopt where `text` is malformed, a number does
/// not fit 64 bits, or the range ends before it begins (both ends counted from the same side).
[[nodiscard]] std::optional<ByteRange> parse_entity_bytes(std::string_view text);
[[nodiscard]] std::string to_text(const ByteRange& range);

}  // namespace daphnis

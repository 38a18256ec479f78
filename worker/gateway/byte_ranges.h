#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace daphnis::worker {

/// One byte range of a Range field (RFC 9110 section 14.1.2): "first-", "first-last" or "-suffix".
struct RangeSpec {
  /// The first byte; none for the last `last` bytes of the content.
  std::optional<uint64_t> first;
  std::optional<uint64_t> last;  ///< The last byte, inclusive; none for all bytes to the end.

  bool operator==(const RangeSpec&) const = default;
};

/// Parses a Range field's value that has one range. Nothing for another unit, several ranges or a
/// malformed one: RFC 9110 section 14.2 lets a server ignore the field, and then all of the content
/// is sent.
[[nodiscard]] std::optional<RangeSpec> parse_range(std::string_view value);

/// The bytes that a range names.
struct Part {
  uint64_t offset;
  uint64_t length;  ///< At least 1.

  bool operator==(const Part&) const = default;
};

/// The part that the range names of `size` bytes; nothing where it names none (416).
[[nodiscard]] std::optional<Part> part_of(const RangeSpec& range, uint64_t size);

}  // namespace daphnis::worker

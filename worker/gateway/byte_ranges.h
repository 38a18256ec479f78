#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace daphnis::worker {

/// One byte range of a Range field (RFC 9110 section 14.1.2): "first-", "first-last" or "-suffix".
struct RangeSpec {
  std::optional<uint64_t> first;  ///< None: the last `last` bytes.
  std::optional<uint64_t> last;   ///< Inclusive; none: to the end.

  bool operator==(const RangeSpec&) const = default;
};

/// The one range in `value`. Nothing for another unit, several ranges or malformed ones: RFC 9110
/// section 14.2 lets a server ignore the field, and then the whole is sent.
[[nodiscard]] std::optional<RangeSpec> parse_range(std::string_view value);

/// The bytes a range names.
struct Part {
  uint64_t offset;
  uint64_t length;  ///< Never 0.

  bool operator==(const Part&) const = default;
};

/// Its part of `size` bytes; nothing where it has none (416).
[[nodiscard]] std::optional<Part> part_of(const RangeSpec& range, uint64_t size);

}  // namespace daphnis::worker

#pragma once

#include <cstdint>
#include <string_view>

namespace daphnis {

/// The header by which an L2 says that it cannot deliver what an order asks for
/// (docs/protocol-l2.md, "I do not have it").
inline constexpr std::string_view kNotFoundHeader = "Daphnis-Not-Found";

/// The header of a POST by which an L2 acknowledges that an order was cancelled before it began to
/// deliver (docs/protocol-l2.md, "Cancels"); its value is "1".
inline constexpr std::string_view kCancelledHeader = "Daphnis-Cancelled";

/// What an L2 says it lacks.
enum class NotFound : uint8_t {
  kRoot,         ///< "root": the root block, and so the whole content.
  kBlock,        ///< "block": a block below the root that the order asks for.
  kUnspecified,  ///< "1": the L2 does not say what.
};

/// The header's value.
[[nodiscard]] constexpr std::string_view text_of(NotFound what) {
  switch (what) {
    case NotFound::kRoot:
      return "root";
    case NotFound::kBlock:
      return "block";
    case NotFound::kUnspecified:
      break;
  }
  return "1";
}

/// Reads the header's value. An unknown word may come from a later version, and is read as "1".
[[nodiscard]] constexpr NotFound read_not_found(std::string_view value) {
  if (value == text_of(NotFound::kRoot)) return NotFound::kRoot;
  if (value == text_of(NotFound::kBlock)) return NotFound::kBlock;
  return NotFound::kUnspecified;
}

}  // namespace daphnis

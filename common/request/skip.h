#pragma once

#include <cstdint>
#include <string_view>

namespace daphnis {

/// The header by which an L2 says that its delivery leaves out as many blocks of the request's walk
/// as the order's `skip` says; the value is that number (docs/protocol-l2.md, "Going on where
/// another L2 stopped").
inline constexpr std::string_view kSkipHeader = "Daphnis-Skip";

/// Blocks that an order may skip: no output of kOutputBytesMax holds as many.
inline constexpr uint64_t kSkipBlocksMax = uint64_t{1} << 32;

}  // namespace daphnis

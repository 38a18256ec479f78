#pragma once

#include <cstdint>
#include <string_view>

namespace daphnis {

/// "4096", "64K", "256M", "10G", "2T": a number of bytes, with a binary unit of either case or
/// none. False: it is nothing of the kind, or does not fit into 64 bits.
[[nodiscard]] bool parse_byte_size(std::string_view text, uint64_t& bytes);

}  // namespace daphnis

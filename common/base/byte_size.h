#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daphnis {

/// Reads a number of bytes, with or without a unit: "4096", "64K", "256 MiB", "10gb". B is one
/// byte; K, M, G, T, P and E are powers of 1024, alone or before B, i or iB; case does not matter.
/// CLI11's AsSizeValue(false) reads the same. False: `text` is no such number, or the number does
/// not fit into 64 bits.
[[nodiscard]] bool parse_byte_size(std::string_view text, uint64_t& bytes);

/// The shortest text that parse_byte_size() reads as these bytes: "10G", "1536M", "1000".
[[nodiscard]] std::string byte_size_text(uint64_t bytes);

}  // namespace daphnis

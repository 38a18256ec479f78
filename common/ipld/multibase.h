#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/slice.h"

namespace daphnis {

/// Decodes text that begins with a multibase prefix (https://github.com/multiformats/multibase)
/// into `out` and returns how many bytes were written. Bases: 2, 8, 10, 16, 32 (hex, padded, z),
/// 36, 58 (btc, flickr), 64 (url, padded). Digits of bases 16, 32 and 36 may have either case,
/// whatever the prefix's; those of 32z and the rest may not. Bits left over must be zero and
/// padding complete, so that each byte string has one spelling per base and case. Never allocates.
/// Errors: kUnsupported (prefix), kMalformed, kTooLarge (`out` is too small).
[[nodiscard]] std::expected<size_t, Errc> decode_multibase(std::string_view text,
                                                           std::span<uint8_t> out);

/// Decodes bare base58btc, without a prefix; otherwise like decode_multibase().
[[nodiscard]] std::expected<size_t, Errc> decode_base58btc(std::string_view text,
                                                           std::span<uint8_t> out);

/// Multibase "b…": lower-case base32 without padding.
[[nodiscard]] std::string encode_multibase_base32(Bytes bytes);

/// Bare base58btc. The time grows with the square of the size: for identifiers, not for content.
[[nodiscard]] std::string encode_base58btc(Bytes bytes);

}  // namespace daphnis

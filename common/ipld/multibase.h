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
/// into `out` and returns the bytes written. Bases: 2, 8, 10, 16, 32 (hex, padded, z), 36, 58 (btc,
/// flickr), 64 (url, padded). Bases 16, 32 and 36 take either case whatever the prefix's; 32z and
/// the rest are exact. Bits left over must be zero and padding complete, so each byte string has
/// one spelling per base and case. Never allocates. Errors: kUnsupported (prefix), kMalformed,
/// kTooLarge
/// (`out` is too small).
[[nodiscard]] std::expected<size_t, Errc> decode_multibase(std::string_view text,
                                                           std::span<uint8_t> out);

/// Decodes bare base58btc, without a prefix; as decode_multibase().
[[nodiscard]] std::expected<size_t, Errc> decode_base58btc(std::string_view text,
                                                           std::span<uint8_t> out);

/// Multibase "b…": lower-case base32 without padding.
[[nodiscard]] std::string encode_multibase_base32(Bytes bytes);

/// Bare base58btc. Costs time in the square of the size: for identifiers, not content.
[[nodiscard]] std::string encode_base58btc(Bytes bytes);

}  // namespace daphnis

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daphnis {

/// 128 bits, compared by value.
using Uuid = std::array<uint8_t, 16>;

/// Makes a version 4 UUID (RFC 9562, section 5.4) of 16 random bytes, which the caller must take
/// from a cryptographic source: attempt ids must not be guessable.
[[nodiscard]] Uuid uuid_v4(Uuid random);

/// The 36 characters of the UUID: lower-case hex digits with dashes.
[[nodiscard]] std::string text_of(const Uuid& uuid);

/// Reads 32 hex digits or the dashed form, in either case. nullopt: `text` is neither.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);

}  // namespace daphnis

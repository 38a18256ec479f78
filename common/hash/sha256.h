#pragma once

#include <array>
#include <cstdint>

#include "common/base/slice.h"

namespace daphnis {

/// SHA-256 (FIPS 180-4) of all these bytes, for keys and checksums; blocks are proven by Hasher.
/// For a short text it takes a quarter of the time of OpenSSL's SHA256(), which looks its algorithm
/// up anew in each call.
[[nodiscard]] std::array<uint8_t, 32> sha256(Bytes bytes);

}  // namespace daphnis

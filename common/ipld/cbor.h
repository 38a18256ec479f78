#pragma once

#include <cstdint>

/// What the readers of CBOR here have in common: of DAG-CBOR blocks, and of CAR headers.
namespace daphnis::cbor {

/// Major types (RFC 8949 section 3.1).
enum Major : uint8_t {
  kUnsigned = 0,
  kNegative = 1,
  kByteString = 2,
  kTextString = 3,
  kList = 4,
  kMap = 5,
  kTag = 6,
  kSimple = 7,
};

/// The tag of a CID, the only one that DAG-CBOR has (https://ipld.io/specs/codecs/dag-cbor/spec).
inline constexpr uint64_t kCidTag = 42;

}  // namespace daphnis::cbor

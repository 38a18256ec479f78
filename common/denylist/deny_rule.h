#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/slice.h"

namespace daphnis {

/// What a rule is found by: the first 96 bits of a digest of what it names, so that a list of
/// hashes tells nobody what it denies. A text that is denied by chance alone, or by a second
/// preimage, is not to be expected.
struct DenyKey {
  uint64_t high = 0;
  uint32_t low = 0;

  /// `digest` has at least 12 bytes.
  [[nodiscard]] static DenyKey of(Bytes digest);
  /// The key of SHA-256 of that text.
  [[nodiscard]] static DenyKey of_text(std::string_view text);
  [[nodiscard]] bool operator==(const DenyKey&) const = default;
};

/// What a rule's key is a digest of.
enum class DenyMatch : uint8_t {
  /// A content and the path below it, as a double-hashed line names them: "MULTIHASH",
  /// "MULTIHASH/PATH", or with a CID of version 1 "CID/" and "CID/PATH".
  kExact,
  /// "MULTIHASH/TEXT": all paths below the content that begin with that text, and all paths where
  /// it is empty.
  kPrefix,
  /// "MULTIHASH": below the content there are rules of kPrefix. No rule by itself.
  kHasPrefixes,
};

/// One line of a list.
struct DenyRule {
  DenyKey key;
  DenyMatch match = DenyMatch::kExact;
  uint32_t text_bytes = 0;  ///< Of kPrefix and kHasPrefixes: the length of TEXT.
  bool allows = false;      ///< An exception: what it matches may be served.
  bool is_legal = false;    ///< The denial is a legal demand: 451 instead of 410.
  uint32_t line = 0;        ///< Its line in its file, from 1.
};

}  // namespace daphnis

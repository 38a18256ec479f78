#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace daphnis::broker {

/// The SHA-256 of a token's text.
using TokenDigest = std::array<uint8_t, 32>;

[[nodiscard]] TokenDigest digest_of_token(std::string_view token);

/// L2s that an operator has listed in a file: those that are shut out, or those that need no token.
/// A value type.
class L2List {
 public:
  enum class Lines : uint8_t {
    kIds,           ///< A line is the id of an L2.
    kIdsAndTokens,  ///< A line is an id, or the SHA-256 of a token in 64 hex digits.
  };
  /// Reads the file: at most kL2ListMax lines; empty ones and those that begin with # are passed
  /// over, and so is white space at a line's ends. 64 hex digits mean both, since they may be an id
  /// too. Errors: kMalformed, with the line's number but nothing of what stands there.
  [[nodiscard]] static Result<L2List> parse(std::string_view file, Lines lines);

  [[nodiscard]] bool has(std::string_view id) const;
  [[nodiscard]] bool has(const TokenDigest& token) const { return tokens_.contains(token); }
  [[nodiscard]] size_t size() const { return ids_.size(); }

 private:
  absl::flat_hash_set<std::string> ids_;
  absl::flat_hash_set<TokenDigest> tokens_;
};

}  // namespace daphnis::broker

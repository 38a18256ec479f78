#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/l2_token.h"
#include "common/base/result.h"

namespace daphnis::broker {

/// Tells one secret from another and says nothing of what it is: the beginning of its SHA-256.
/// Never printed.
enum class SecretNo : uint64_t {};

/// The secrets by which tokens of L2s are made and verified (DESIGN 3): the first one makes them,
/// all verify them, so that one can take another's place in time. A token's MAC is the
/// HMAC-SHA-256 (RFC 2104) of "daphnis-l2\n<id>.<unix seconds>". A value type; the texts of its
/// errors hold nothing of a secret.
class TokenSecrets {
 public:
  /// Reads a file of secrets: one a line, kL2TokenSecretBytesMin to kL2TokenSecretBytesMax bytes as
  /// they stand there, 1 to kL2TokenSecretsMax of them; empty lines and those that begin with # are
  /// passed over, and so is white space at a line's ends. Errors: kMalformed, with the line.
  [[nodiscard]] static Result<TokenSecrets> parse(std::string_view file);

  /// Makes a token for this id, which must be is_name(), that is good before `until_s`, which is
  /// not 0 and has at most 12 digits.
  [[nodiscard]] std::string mint(std::string_view id, uint64_t until_s) const;
  /// The secret that made the token; nullopt: none of these. The time taken does not tell how much
  /// of a wrong MAC is right.
  [[nodiscard]] std::optional<SecretNo> verify(const L2Token& token) const;

  [[nodiscard]] bool has(SecretNo secret) const;
  /// The secret that makes tokens. There must be one.
  [[nodiscard]] SecretNo first() const;

 private:
  struct Secret {
    std::string bytes;
    SecretNo no{};
  };
  std::vector<Secret> secrets_;
};

}  // namespace daphnis::broker

#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "broker/auth/l2_list.h"
#include "broker/auth/token_secrets.h"

namespace daphnis::broker {

/// Who may be an L2 (DESIGN 3).
enum class L2AuthMode : uint8_t {
  kOpen,         ///< Whoever reaches the L2s' port.
  kToken,        ///< Who shows a token for its id, or is listed as one that cannot.
  kCertificate,  ///< Whose certificate has its id as its common name, or is listed likewise.
};

/// A successor is given once less than one part in so many of its life is left to a token.
inline constexpr uint64_t kTokenRenewalPart = 3;
inline constexpr uint32_t kTokenDaysMax = 3'650;  ///< The longest life of a token.

/// Why an L2 is not let in: what is wrong with its token or its certificate.
enum class TokenFault : uint8_t {
  kMissing,    ///< It has shown none.
  kMalformed,  ///< What it has shown has not the form of one, or is too long.
  kForged,     ///< None of the secrets made it.
  kOtherId,    ///< It was made for another id.
  kExpired,
  kRevoked,  ///< The token, or the id.
  kNoCertificate,
  kOtherCertificate,  ///< Its certificate is for another id.
};
inline constexpr size_t kTokenFaults = 8;
/// As metrics and logs have it.
[[nodiscard]] std::string_view name(TokenFault fault);
/// What the L2 is told: a sentence without quotes. Of a token that we did not make it says nothing.
[[nodiscard]] std::string_view detail_of(TokenFault fault);

/// What is kept of a token that an L2 has shown, and of its last successor.
struct ShownToken {
  TokenDigest shown{};                     ///< Of the token that it registered with.
  std::optional<TokenDigest> successor{};  ///< Of the last one that it was given.
  SecretNo secret{};                       ///< What made the successor, or what was shown.
  uint64_t until_s = 0;                    ///< When that expires.
};

/// Decides which L2s are let in, and gives them new tokens in time. Sans-I/O: texts of files and
/// header fields in, verdicts out. Times are in seconds since the epoch. Owned by the broker's
/// Context; a value type, which a reload replaces.
class L2Auth {
 public:
  /// All are let in.
  L2Auth() = default;
  /// `successor_days`: the life of a token's successor; 0: there are none.
  static L2Auth by_token(TokenSecrets secrets, uint32_t successor_days);
  /// Certificates decide.
  static L2Auth by_certificate();
  /// Shuts out these L2s, whatever they show.
  void set_revoked(L2List revoked) { revoked_ = std::move(revoked); }
  /// Lets these in without a token.
  void set_exempt(L2List exempt) { exempt_ = std::move(exempt); }
  void set_secrets(TokenSecrets secrets) { secrets_ = std::move(secrets); }

  /// Decides on an L2 that wants to register. `authorization` is the value of its Authorization
  /// field (RFC 6750 section 2.1: `Bearer <token>`); null: it has none. nullopt: it is let in
  /// without a token.
  [[nodiscard]] std::expected<std::optional<ShownToken>, TokenFault> judge(
      std::string_view id, const std::string* authorization, uint64_t now_s) const;
  /// The same where certificates decide. `certified` is the id that its certificate proves; empty:
  /// it has shown none. True: its id is proven; false: it is let in without a certificate.
  [[nodiscard]] std::expected<bool, TokenFault> judge_certificate(std::string_view id,
                                                                  std::string_view certified) const;
  /// Why an L2 that was let in may not stay, in words for it, after a reload; nullopt: it may.
  /// `is_certified`: a certificate has proven its id. A token that has expired since is no reason.
  [[nodiscard]] std::optional<std::string_view> reason_to_end(
      std::string_view id, const std::optional<ShownToken>& token, bool is_certified = false) const;

  /// True where a token is to have a successor: it expires before long, or was not made by the
  /// secret that makes tokens now.
  [[nodiscard]] bool wants_successor(const ShownToken& token, uint64_t now_s) const;
  /// Makes the successor, which does not expire before the token does.
  [[nodiscard]] std::string succeed(std::string_view id, ShownToken& token, uint64_t now_s) const;

  [[nodiscard]] L2AuthMode mode() const { return mode_; }

 private:
  L2AuthMode mode_ = L2AuthMode::kOpen;
  TokenSecrets secrets_;
  L2List revoked_;
  L2List exempt_;
  uint32_t successor_days_ = 0;
};

}  // namespace daphnis::broker

#include "broker/auth/l2_auth.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/http/http_head.h"

namespace daphnis::broker {
namespace {

constexpr uint64_t kDayS = 86'400;
constexpr std::string_view kWhite = " \t";

/// The token of an Authorization field; nullopt where it is of another scheme.
std::optional<std::string_view> bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!http::equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(
      std::min(authorization.find_first_not_of(kWhite), authorization.size()));
  return authorization;
}

}  // namespace

std::string_view name(TokenFault fault) {
  switch (fault) {
    case TokenFault::kMissing:
      return "missing";
    case TokenFault::kMalformed:
      return "malformed";
    case TokenFault::kForged:
      return "forged";
    case TokenFault::kOtherId:
      return "other_id";
    case TokenFault::kExpired:
      return "expired";
    case TokenFault::kRevoked:
      return "revoked";
    case TokenFault::kNoCertificate:
      return "no_certificate";
    case TokenFault::kOtherCertificate:
      return "other_certificate";
  }
  return "unknown";
}

std::string_view detail_of(TokenFault fault) {
  switch (fault) {
    case TokenFault::kMissing:
      return "this L1 lets in who shows a token: ask its operator for one";
    case TokenFault::kMalformed:
      return "that is no token: a line of the form ID.SECONDS.MAC is one";
    case TokenFault::kForged:
      return "this L1 did not make that token, or no longer knows it";
    case TokenFault::kOtherId:
      return "that token is for another id";
    case TokenFault::kExpired:
      return "that token has expired: ask the operator of this L1 for a new one";
    case TokenFault::kRevoked:
      return "the operator of this L1 has revoked that token or id";
    case TokenFault::kNoCertificate:
      return "this L1 lets in who shows a certificate for its id, over TLS: ask its operator for "
             "one";
    case TokenFault::kOtherCertificate:
      return "your certificate is for another id";
  }
  return "";
}

L2Auth L2Auth::by_token(TokenSecrets secrets, uint32_t successor_days) {
  check(successor_days <= kTokenDaysMax, "a token would live for too long");
  L2Auth auth;
  auth.mode_ = L2AuthMode::kToken;
  auth.secrets_ = std::move(secrets);
  auth.successor_days_ = successor_days;
  return auth;
}

L2Auth L2Auth::by_certificate() {
  L2Auth auth;
  auth.mode_ = L2AuthMode::kCertificate;
  return auth;
}

std::expected<bool, TokenFault> L2Auth::judge_certificate(std::string_view id,
                                                          std::string_view certified) const {
  if (revoked_.has(id)) return std::unexpected(TokenFault::kRevoked);
  if (certified == id) return true;
  if (!certified.empty()) return std::unexpected(TokenFault::kOtherCertificate);
  if (exempt_.has(id)) return false;
  return std::unexpected(TokenFault::kNoCertificate);
}

std::expected<std::optional<ShownToken>, TokenFault> L2Auth::judge(std::string_view id,
                                                                   const std::string* authorization,
                                                                   uint64_t now_s) const {
  if (mode_ == L2AuthMode::kOpen) return std::nullopt;
  if (!authorization) {
    if (revoked_.has(id)) return std::unexpected(TokenFault::kRevoked);
    if (exempt_.has(id)) return std::nullopt;
    return std::unexpected(TokenFault::kMissing);
  }
  const auto text = bearer_of(*authorization);
  const auto token = text ? parse_l2_token(*text) : std::nullopt;
  if (!token) return std::unexpected(TokenFault::kMalformed);
  const auto secret = secrets_.verify(*token);
  if (!secret) return std::unexpected(TokenFault::kForged);
  if (token->id != id) return std::unexpected(TokenFault::kOtherId);
  const TokenDigest digest = digest_of_token(*text);
  if (revoked_.has(id) || revoked_.has(digest)) return std::unexpected(TokenFault::kRevoked);
  if (token->until_s <= now_s) return std::unexpected(TokenFault::kExpired);
  return ShownToken{.shown = digest, .secret = *secret, .until_s = token->until_s};
}

std::optional<std::string_view> L2Auth::reason_to_end(std::string_view id,
                                                      const std::optional<ShownToken>& token,
                                                      bool is_certified) const {
  if (mode_ == L2AuthMode::kOpen) return std::nullopt;
  if (revoked_.has(id)) return "its id was revoked";
  if (mode_ == L2AuthMode::kCertificate) {
    if (is_certified || exempt_.has(id)) return std::nullopt;
    return "it is no longer let in without a certificate";
  }
  if (!token) {
    return exempt_.has(id) ? std::nullopt : std::optional("it is no longer let in without a token");
  }
  const bool is_revoked =
      revoked_.has(token->shown) || (token->successor && revoked_.has(*token->successor));
  if (is_revoked) return "its token was revoked";
  if (!secrets_.has(token->secret)) return "the secret that made its token was revoked";
  return std::nullopt;
}

bool L2Auth::wants_successor(const ShownToken& token, uint64_t now_s) const {
  if (mode_ != L2AuthMode::kToken || successor_days_ == 0) return false;
  const uint64_t part_s = successor_days_ * kDayS / kTokenRenewalPart;
  return token.secret != secrets_.first() || token.until_s < now_s + part_s;
}

std::string L2Auth::succeed(std::string_view id, ShownToken& token, uint64_t now_s) const {
  token.until_s = std::max(token.until_s, now_s + successor_days_ * kDayS);
  std::string successor = secrets_.mint(id, token.until_s);
  token.secret = secrets_.first();
  token.successor = digest_of_token(successor);
  return successor;
}

}  // namespace daphnis::broker

#include "broker/auth/token_secrets.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "broker/auth/list_lines.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/slice.h"
#include "common/hash/sha256.h"

namespace daphnis::broker {
namespace {

using Mac = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

/// A token's MAC is of this text and the token's claim.
constexpr std::string_view kPurpose = "daphnis-l2\n";

/// RFC 4648 section 5, without padding.
std::string base64url(const Mac& mac) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  unsigned held = 0;
  for (const uint8_t byte : mac) {
    bits = bits << 8 | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      out.push_back(kAlphabet[bits >> held & 63]);
    }
  }
  out.push_back(kAlphabet[bits << (6 - held) & 63]);
  return out;
}

std::string mac_of(std::string_view claimed, std::string_view secret) {
  std::string message(kPurpose);
  message.append(claimed);
  Mac mac{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const uint8_t*>(message.data()), message.size(), mac.data(), &size);
  check(made != nullptr && size == mac.size(), "OpenSSL makes no HMAC-SHA-256");
  return base64url(mac);
}

SecretNo no_of(std::string_view secret) {
  const auto digest = sha256(as_bytes(secret));
  uint64_t no = 0;
  std::memcpy(&no, digest.data(), sizeof no);
  return SecretNo{no};
}

}  // namespace

Result<TokenSecrets> TokenSecrets::parse(std::string_view file) {
  TokenSecrets secrets;
  std::string wrong;
  each_line(file, [&](std::string_view line, size_t number) {
    if (line.size() < limits::kL2TokenSecretBytesMin ||
        line.size() > limits::kL2TokenSecretBytesMax) {
      wrong = fmt::format("line {}: a secret has {} to {} bytes", number,
                          limits::kL2TokenSecretBytesMin, limits::kL2TokenSecretBytesMax);
    } else if (secrets.secrets_.size() == limits::kL2TokenSecretsMax) {
      wrong = fmt::format("line {}: there are more than {} secrets", number,
                          limits::kL2TokenSecretsMax);
    } else {
      secrets.secrets_.push_back({.bytes = std::string(line), .no = no_of(line)});
    }
    return wrong.empty();
  });
  if (wrong.empty() && secrets.secrets_.empty()) wrong = "it holds no secret";
  if (!wrong.empty()) return fail(Errc::kMalformed, std::move(wrong));
  return secrets;
}

std::string TokenSecrets::mint(std::string_view id, uint64_t until_s) const {
  check(!secrets_.empty(), "a token is made without a secret");
  check(is_name(id), "a token is made for what is no id");
  std::string token = fmt::format("{}.{}", id, until_s);
  const std::string mac = mac_of(token, secrets_.front().bytes);
  token.append(".").append(mac);
  check(parse_l2_token(token).has_value(), "a token is made that cannot be read");
  return token;
}

std::optional<SecretNo> TokenSecrets::verify(const L2Token& token) const {
  for (const Secret& secret : secrets_) {
    const std::string mac = mac_of(token.claimed, secret.bytes);
    if (mac.size() == token.mac.size() &&
        CRYPTO_memcmp(mac.data(), token.mac.data(), mac.size()) == 0) {
      return secret.no;
    }
  }
  return std::nullopt;
}

SecretNo TokenSecrets::first() const {
  check(!secrets_.empty(), "the first of no secrets is asked for");
  return secrets_.front().no;
}

bool TokenSecrets::has(SecretNo secret) const {
  return std::ranges::find(secrets_, secret, &Secret::no) != secrets_.end();
}

}  // namespace daphnis::broker

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace daphnis::l2 {

/// The host and port of an L1, and whether TLS is spoken there.
struct L1Url {
  std::string host = {};  ///< A name or a literal address, without brackets.
  uint16_t port = 0;
  bool is_tls = false;

  /// "host:port", brackets around IPv6: the Host field.
  [[nodiscard]] std::string authority() const;
  /// The whole URL, with the port.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool operator==(const L1Url&) const = default;
};

/// Reads "https://HOST:PORT" (no port means 443) or "http://HOST:PORT" (no port means 80); a slash
/// may follow. Errors: kInvalid.
[[nodiscard]] Result<L1Url> parse_l1_url(std::string_view text);

}  // namespace daphnis::l2

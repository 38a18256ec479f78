#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace daphnis::l2 {

/// The host and port of an L1.
struct L1Url {
  std::string host;  ///< A name or a literal address, without brackets.
  uint16_t port = 0;

  /// "host:port", brackets around IPv6: the Host field.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] bool operator==(const L1Url&) const = default;
};

/// Reads "http://HOST:PORT" (a slash may follow; no port means 80). Errors: kInvalid, kUnsupported
/// (https).
[[nodiscard]] Result<L1Url> parse_l1_url(std::string_view text);

}  // namespace daphnis::l2

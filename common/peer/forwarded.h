#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/cidr_set.h"
#include "common/base/ip_address.h"
#include "common/http/http_parser.h"

namespace daphnis::peer {

/// The header field in which proxies say for whom they ask. One only: where a proxy sets the one, a
/// client may have written the other.
enum class ClientField : uint8_t {
  kNone,
  kXForwardedFor,  ///< X-Forwarded-For: addresses, each with or without a port.
  kForwarded,      ///< Forwarded (RFC 7239): the `for` of each element.
};

/// Proxies in a row that are believed; beyond, the last of them counts as the client.
inline constexpr size_t kProxiesInRowMax = 32;

/// The address of the client of a request that came from `peer`, as far as trusted proxies say it.
/// Each proxy adds the address that it saw behind those it was told, so the field is read from the
/// right, for as long as who said it is trusted. What cannot be read ends that ("unknown", an
/// obfuscated name, anything malformed), and the last trusted proxy counts as the client. Where the
/// field comes more than once, the last one is the rightmost (RFC 9110 section 5.3). Takes time in
/// proportion to the head.
[[nodiscard]] IpAddress client_address(const IpAddress& peer, const http::Head& head,
                                       ClientField field, const CidrSet& trusted);

}  // namespace daphnis::peer

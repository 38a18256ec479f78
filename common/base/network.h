#pragma once

#include <cstdint>
#include <string>

#include "common/base/ip_address.h"

namespace daphnis {

/// The unit of the bounds per address: one IPv4 address, or one /64 of IPv6, the least that a
/// single customer has (RFC 6177). IPv4-mapped IPv6 is IPv4.
enum class Network : uint64_t {};

[[nodiscard]] Network network_of(const IpAddress& address);

/// The network of an address literal without port; a zone (%eth0) is ignored. A text that is no
/// address gets a network of its own.
[[nodiscard]] Network network_of(const std::string& address);

}  // namespace daphnis

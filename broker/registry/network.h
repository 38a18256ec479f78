#pragma once

#include <cstdint>
#include <string>

namespace daphnis::broker {

/// Whom the bounds per address are for: one IPv4 address, or one /64 of IPv6, which is what a
/// single customer has at least (RFC 6177). IPv4-mapped IPv6 is IPv4.
enum class Network : uint64_t {};

/// Of an address literal without port; a zone (%eth0) is passed over. What is no address gets a
/// network of its own.
[[nodiscard]] Network network_of(const std::string& address);

}  // namespace daphnis::broker

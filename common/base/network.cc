#include "common/base/network.h"

#include <functional>
#include <span>
#include <string_view>

namespace daphnis {
namespace {

constexpr size_t kNetworkBytes = 8;  ///< A /64 of IPv6.
constexpr size_t kIpv4Bytes = 4;

/// Stands before the 32 bits of an IPv4 address. It is a multicast prefix of IPv6, so no peer's /64
/// begins with it.
constexpr uint64_t kIpv4 = 0xffff'ffff;

}  // namespace

Network network_of(const IpAddress& address) {
  const std::span<const uint8_t, 16> bytes = address.bytes();
  uint64_t network = address.is_v4() ? kIpv4 : 0;
  const auto part = address.is_v4() ? bytes.last(kIpv4Bytes)
                                    : std::span<const uint8_t>(bytes).first(kNetworkBytes);
  for (const uint8_t byte : part) network = network << 8 | byte;
  return Network{network};
}

Network network_of(const std::string& address) {
  const std::string_view literal = std::string_view(address).substr(0, address.find('%'));
  if (const auto parsed = IpAddress::parse(literal)) return network_of(*parsed);
  return Network{std::hash<std::string>()(address)};
}

}  // namespace daphnis

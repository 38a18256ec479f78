#include "common/base/network.h"

#include <arpa/inet.h>

#include <cstring>
#include <functional>

namespace daphnis {
namespace {

constexpr size_t kNetworkBytes = 8;  ///< A /64 of IPv6.

/// Stands before the 32 bits of an IPv4 address. It is a multicast prefix of IPv6, so no peer's /64
/// begins with it.
constexpr uint64_t kIpv4 = uint64_t{0xffff'ffff} << 32;

}  // namespace

Network network_of(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return Network{kIpv4 | ntohl(v4.s_addr)};
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &v6) != 1) {
    return Network{std::hash<std::string>()(address)};
  }
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::memcpy(&v4, v6.s6_addr + sizeof v6 - sizeof v4, sizeof v4);
    return Network{kIpv4 | ntohl(v4.s_addr)};
  }
  uint64_t network = 0;
  for (size_t i = 0; i < kNetworkBytes; ++i) network = network << 8 | v6.s6_addr[i];
  return Network{network};
}

}  // namespace daphnis

#include "common/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/cidr_set.h"

namespace daphnis {
namespace {

/// What stands before the four bytes of an IPv4 address in its IPv4-mapped form.
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress::IpAddress(V4 bytes) {
  const auto end = std::ranges::copy(kMapped, bytes_.begin()).out;
  std::ranges::copy(bytes, end);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> literal{};  // inet_pton() wants a zero behind it.
  if (text.size() >= literal.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::ranges::copy(text, literal.begin());
  std::array<uint8_t, 4> v4{};
  if (inet_pton(AF_INET, literal.data(), v4.data()) == 1) return IpAddress(V4(v4));
  V6 v6{};
  if (inet_pton(AF_INET6, literal.data(), v6.data()) == 1) return IpAddress(v6);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::ranges::equal(kMapped, std::span(bytes_).first<kMapped.size()>());
}

bool IpAddress::is_local() const {
  static const CidrSet local = [] {
    CidrSet set;
    for (const std::string_view range :
         {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
          "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"}) {
      const auto cidr = parse_cidr(range);
      check(cidr.has_value(), "a range of local addresses is none");
      set.add(*cidr);
    }
    return set;
  }();
  return local.contains(*this);
}

bool IpAddress::shares_prefix(const IpAddress& other, unsigned bits) const {
  const size_t whole = bits / 8;
  const unsigned rest = bits % 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + whole, other.bytes_.begin())) return false;
  return rest == 0 || (bytes_[whole] ^ other.bytes_[whole]) >> (8 - rest) == 0;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const bool is_short = is_v4();
  const void* from = bytes_.data() + (is_short ? kMapped.size() : 0);
  inet_ntop(is_short ? AF_INET : AF_INET6, from, out.data(), out.size());
  return out.data();
}

}  // namespace daphnis

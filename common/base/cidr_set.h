#pragma once

#include <string_view>
#include <vector>

#include "common/base/ip_address.h"
#include "common/base/result.h"

namespace daphnis {

/// A range of addresses (RFC 4632 section 3.1, RFC 4291 section 2.3).
struct Cidr {
  IpAddress first;
  unsigned bits = 128;  ///< The length of the prefix in the IPv6 form: for IPv4, 96 more.
};

/// Reads "192.0.2.0/24", "2001:db8::/32", or one address. Errors: kInvalid, also where bits behind
/// the prefix are set, since that is a slip of the pen more often than not.
[[nodiscard]] Result<Cidr> parse_cidr(std::string_view text);

/// A set of addresses, as few ranges. A range of IPv6 holds no IPv4 address but where it is all of
/// IPv4-mapped ones: ::/0 is not everybody. A value.
class CidrSet {
 public:
  void add(const Cidr& range) { ranges_.push_back(range); }
  /// Takes time in proportion to the number of ranges.
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool is_empty() const { return ranges_.empty(); }

 private:
  std::vector<Cidr> ranges_;
};

}  // namespace daphnis

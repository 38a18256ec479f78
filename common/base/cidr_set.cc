#include "common/base/cidr_set.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace daphnis {
namespace {

constexpr unsigned kBits = 128;
constexpr unsigned kMappedBits = 96;  ///< Those before an IPv4 address in its IPv4-mapped form.

/// The length of a prefix, without signs, spaces and leading zeros.
std::optional<unsigned> parse_length(std::string_view text) {
  unsigned length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return length;
}

bool is_clear_behind(const IpAddress& address, unsigned bits) {
  for (unsigned bit = bits; bit < kBits; ++bit) {
    if ((address.bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

Result<Cidr> parse_cidr(std::string_view text) {
  const auto refuse = [&] {
    return fail(Errc::kInvalid, "not a range of addresses: \"" + std::string(text) +
                                    "\"; write 192.0.2.0/24, 2001:db8::/32 or one address");
  };
  const size_t slash = text.find('/');
  const std::string_view literal = text.substr(0, slash);
  const auto address = IpAddress::parse(literal);
  if (!address) return refuse();
  if (slash == std::string_view::npos) return Cidr{.first = *address, .bits = kBits};
  const bool is_dotted = literal.find(':') == std::string_view::npos;
  const auto length = parse_length(text.substr(slash + 1));
  if (!length || *length > (is_dotted ? kBits - kMappedBits : kBits)) return refuse();
  const Cidr range{.first = *address, .bits = *length + (is_dotted ? kMappedBits : 0)};
  if (!is_clear_behind(range.first, range.bits)) {
    return fail(Errc::kInvalid, "\"" + std::string(text) +
                                    "\" has bits set behind its prefix; write the first address "
                                    "of the range, or another length");
  }
  return range;
}

bool CidrSet::contains(const IpAddress& address) const {
  const bool is_v4 = address.is_v4();
  return std::ranges::any_of(ranges_, [&](const Cidr& range) {
    return (!is_v4 || range.bits >= kMappedBits) && address.shares_prefix(range.first, range.bits);
  });
}

}  // namespace daphnis

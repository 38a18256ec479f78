#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace daphnis {

/// An IPv4 or IPv6 address without port and zone. IPv4 is kept in the IPv4-mapped form of IPv6
/// (RFC 4291 section 2.5.5.2), so that both spellings of one address are equal. A value.
class IpAddress {
 public:
  using V4 = std::span<const uint8_t, 4>;
  using V6 = std::array<uint8_t, 16>;

  /// The address ::, which no peer has.
  IpAddress() = default;
  /// Bytes in network order.
  explicit IpAddress(V4 bytes);
  explicit IpAddress(const V6& bytes) : bytes_(bytes) {}

  /// Reads a literal: dotted IPv4, or IPv6 (RFC 4291 section 2.2) without brackets and zone.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const;
  /// True for addresses that no stranger on the Internet has: loopback, link-local, and those for
  /// private use (RFC 1918, RFC 4193, RFC 6598).
  [[nodiscard]] bool is_local() const;
  /// True where the first `bits` of the IPv6 form, 0 to 128, are those of `other`.
  [[nodiscard]] bool shares_prefix(const IpAddress& other, unsigned bits) const;
  /// The shortest spelling (RFC 5952); IPv4 is dotted.
  [[nodiscard]] std::string text() const;
  /// The IPv6 form, in network order.
  [[nodiscard]] const V6& bytes() const { return bytes_; }

  [[nodiscard]] bool operator==(const IpAddress&) const = default;

 private:
  V6 bytes_{};
};

}  // namespace daphnis

#include "common/base/ip_address.h"

#include <catch2/catch.hpp>

#include "common/base/cidr_set.h"
#include "common/base/network.h"

namespace daphnis {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

CidrSet set_of(std::initializer_list<std::string_view> ranges) {
  CidrSet set;
  for (const std::string_view range : ranges) {
    const auto cidr = parse_cidr(range);
    REQUIRE(cidr);
    set.add(*cidr);
  }
  return set;
}

}  // namespace

TEST_CASE("an address has one text, however it was spelled", "[common][ip_address]") {
  CHECK(address("192.0.2.1").text() == "192.0.2.1");
  CHECK(address("::ffff:192.0.2.1").text() == "192.0.2.1");
  CHECK(address("::FFFF:c000:0201") == address("192.0.2.1"));
  CHECK(address("2001:0DB8:0:0:0:0:0:1").text() == "2001:db8::1");
  CHECK(address("::1").text() == "::1");
  CHECK_FALSE(address("::1").is_v4());
  CHECK(address("::ffff:192.0.2.1").is_v4());
}

TEST_CASE("what is no literal is no address", "[common][ip_address]") {
  for (const std::string_view text :
       {"", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1:80",
        "[::1]", "fe80::1%eth0", "1::2::3", "localhost", "12345::"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string(1'000'000, '1')));
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("addresses that nobody on the Internet has are local", "[common][ip_address]") {
  for (const std::string_view text :
       {"127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.3.4",
        "169.254.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"}) {
    CAPTURE(text);
    CHECK(address(text).is_local());
  }
  for (const std::string_view text : {"128.0.0.1", "11.0.0.1", "172.32.0.1", "192.169.0.1",
                                      "100.128.0.1", "::2", "2001:db8::1", "fec0::1", "0.0.0.1"}) {
    CAPTURE(text);
    CHECK_FALSE(address(text).is_local());
  }
}

TEST_CASE("a range holds what shares its prefix", "[common][cidr_set]") {
  const CidrSet set = set_of({"192.0.2.0/25", "198.51.100.7", "2001:db8:2::/47", "0.0.0.0/8"});
  CHECK(set.contains(address("192.0.2.127")));
  CHECK_FALSE(set.contains(address("192.0.2.128")));
  CHECK(set.contains(address("::ffff:192.0.2.3")));
  CHECK(set.contains(address("198.51.100.7")));
  CHECK_FALSE(set.contains(address("198.51.100.6")));
  CHECK(set.contains(address("2001:db8:3:ffff::9")));
  CHECK_FALSE(set.contains(address("2001:db8:4::9")));
  CHECK(set.contains(address("0.9.9.9")));
  CHECK_FALSE(set.contains(address("::")));
  CHECK_FALSE(CidrSet().contains(address("192.0.2.1")));
}

TEST_CASE("everybody of one family is nobody of the other", "[common][cidr_set]") {
  CHECK(set_of({"0.0.0.0/0"}).contains(address("203.0.113.9")));
  CHECK_FALSE(set_of({"0.0.0.0/0"}).contains(address("2001:db8::1")));
  CHECK(set_of({"::/0"}).contains(address("2001:db8::1")));
  CHECK_FALSE(set_of({"::/0"}).contains(address("203.0.113.9")));
  CHECK(set_of({"::ffff:0:0/96"}).contains(address("203.0.113.9")));
}

TEST_CASE("a range that is mistyped is refused", "[common][cidr_set]") {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8",
        "10.0.0.0/8 ", "10.0.0.0/8/8", "::/129", "10.0.0.1/8", "2001:db8::1/64", "10/8",
        "example.org", "10.0.0.0/99999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_cidr(text));
  }
  CHECK(parse_cidr("10.0.0.1/8").error().detail.find("behind its prefix") != std::string::npos);
}

TEST_CASE("an address and its text are of one network", "[common][network]") {
  for (const std::string text : {"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "::1"}) {
    CHECK(network_of(text) == network_of(address(text)));
  }
}

}  // namespace daphnis

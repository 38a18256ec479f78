#include "common/peer/forwarded.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace daphnis::peer {
namespace {

constexpr auto kList = ClientField::kXForwardedFor;
constexpr auto kForwarded = ClientField::kForwarded;

CidrSet proxies() {
  CidrSet set;
  for (const std::string_view range : {"10.0.0.0/8", "2001:db8:aaaa::/48"}) {
    set.add(*parse_cidr(range));
  }
  return set;
}

/// The client of a request that came from `peer` with these values of the field.
std::string client(ClientField field, const std::vector<std::string>& values,
                   std::string_view peer = "10.0.0.1") {
  http::Head head;
  head.headers.push_back({"Host", "edge.example"});
  for (const std::string& value : values) {
    head.headers.push_back({field == kList ? "x-forwarded-FOR" : "forwarded", value});
  }
  head.headers.push_back({field == kList ? "Forwarded" : "X-Forwarded-For",
                          field == kList ? "for=192.0.2.66" : "192.0.2.66"});
  return client_address(*IpAddress::parse(peer), head, field, proxies()).text();
}

}  // namespace

TEST_CASE("a stranger is its own client, whatever it says", "[common][forwarded]") {
  CHECK(client(kList, {"203.0.113.9"}, "198.51.100.1") == "198.51.100.1");
  CHECK(client(kForwarded, {"for=203.0.113.9"}, "198.51.100.1") == "198.51.100.1");
}

TEST_CASE("only the field that the operator names is read", "[common][forwarded]") {
  CHECK(client(kList, {}) == "10.0.0.1");
  CHECK(client(kForwarded, {}) == "10.0.0.1");
  CHECK(client(ClientField::kNone, {"203.0.113.9"}) == "10.0.0.1");
}

TEST_CASE("X-Forwarded-For is read from the right, past trusted proxies", "[common][forwarded]") {
  CHECK(client(kList, {"203.0.113.9"}) == "203.0.113.9");
  CHECK(client(kList, {"1.1.1.1, 203.0.113.9"}) == "203.0.113.9");
  CHECK(client(kList, {"1.1.1.1, 203.0.113.9, 10.2.3.4,10.9.9.9"}) == "203.0.113.9");
  CHECK(client(kList, {"1.1.1.1", "203.0.113.9", "10.2.3.4"}) == "203.0.113.9");
  CHECK(client(kList, {"10.7.7.7, 10.2.3.4"}) == "10.7.7.7");
  CHECK(client(kList, {"203.0.113.9,, ,"}) == "203.0.113.9");
  CHECK(client(kList, {"", ""}) == "10.0.0.1");
  CHECK(client(kList, {"203.0.113.9"}, "2001:db8:aaaa::1") == "203.0.113.9");
}

TEST_CASE("a member of X-Forwarded-For is an address, with or without a port",
          "[common][forwarded]") {
  CHECK(client(kList, {"203.0.113.9:4711"}) == "203.0.113.9");
  CHECK(client(kList, {"2001:DB8::9"}) == "2001:db8::9");
  CHECK(client(kList, {"[2001:db8::9]"}) == "2001:db8::9");
  CHECK(client(kList, {"[2001:db8::9]:80"}) == "2001:db8::9");
  CHECK(client(kList, {"::ffff:203.0.113.9"}) == "203.0.113.9");
}

TEST_CASE("what cannot be read ends the way at the last trusted proxy", "[common][forwarded]") {
  for (const std::string_view bad :
       {"unknown", "_hidden", "edge.example", "203.0.113", "203.0.113.9:", "203.0.113.9:x",
        "203.0.113.9:123456", "[2001:db8::9", "[203.0.113.9]", "[2001:db8::9]80", "fe80::1%eth0",
        "203.0.113.9 203.0.113.8", "\"203.0.113.9\"", "]", "[]", ":"}) {
    CAPTURE(bad);
    CHECK(client(kList, {"203.0.113.9, " + std::string(bad)}) == "10.0.0.1");
    CHECK(client(kList, {"203.0.113.9, " + std::string(bad) + ", 10.0.0.2"}) == "10.0.0.2");
  }
}

TEST_CASE("Forwarded is read by its grammar", "[common][forwarded]") {
  CHECK(client(kForwarded, {"for=203.0.113.9"}) == "203.0.113.9");
  CHECK(client(kForwarded, {"FOR=203.0.113.9;proto=https;by=10.0.0.1"}) == "203.0.113.9");
  CHECK(client(kForwarded, {"by=\"_x;y,z\";host=a;for=\"203.0.113.9:4711\""}) == "203.0.113.9");
  CHECK(client(kForwarded, {"For=\"[2001:db8:cafe::17]:4711\""}) == "2001:db8:cafe::17");
  CHECK(client(kForwarded, {"for=\"[2001:db8:cafe::17]\""}) == "2001:db8:cafe::17");
  CHECK(client(kForwarded, {"for=\"203.0.113.9:_port\""}) == "203.0.113.9");
  CHECK(client(kForwarded, {"for=\"203.0.113.\\9\""}) == "203.0.113.9");
  CHECK(client(kForwarded, {"for=1.1.1.1, for=203.0.113.9;proto=http, for=10.2.3.4"}) ==
        "203.0.113.9");
  CHECK(client(kForwarded, {"for=1.1.1.1", "for=203.0.113.9", "for=10.2.3.4"}) == "203.0.113.9");
}

TEST_CASE("an element of Forwarded without an address ends the way", "[common][forwarded]") {
  for (const std::string_view bad :
       {"for=unknown", "for=\"unknown:80\"", "for=_gazonk", "for=\"_SEVKISEK\"", "proto=https",
        "for=", "for", "for=203.0.113.9;for=203.0.113.9", "for =203.0.113.9", "for= 203.0.113.9",
        "for=203.0.113.9:80", "for=2001:db8::9", "for=\"2001:db8::9\"", "for=[2001:db8::9]",
        "for=203.0.113.9;x", "for=203.0.113.9;=x", "for=\"203.0.113.9\"x", "203.0.113.9", ";"}) {
    CAPTURE(bad);
    CHECK(client(kForwarded, {"for=203.0.113.8, " + std::string(bad)}) == "10.0.0.1");
    CHECK(client(kForwarded, {std::string(bad) + ", for=10.0.0.2"}) == "10.0.0.2");
  }
}

TEST_CASE("a quote that a client never closes does not swallow what its proxy adds",
          "[common][forwarded]") {
  for (const std::string_view evil : {"for=\"", "\"", "for=\"a\\", "for=\\\"", "\\",
                                      "for=\"x\";by=\"", "for=1.1.1.1;by=\"\\\\"}) {
    CAPTURE(evil);
    CHECK(client(kForwarded, {std::string(evil) + ", for=203.0.113.9"}) == "203.0.113.9");
    CHECK(client(kForwarded, {std::string(evil) + ", for=\"[2001:db8::9]:1\""}) == "2001:db8::9");
    CHECK(client(kList, {std::string(evil) + ", 203.0.113.9"}) == "203.0.113.9");
  }
}

TEST_CASE("so many proxies in a row are believed and no more", "[common][forwarded]") {
  std::string list = "203.0.113.9";
  for (size_t i = 1; i < kProxiesInRowMax; ++i) list += ", 10.0.0.2";
  CHECK(client(kList, {list}) == "203.0.113.9");
  CHECK(client(kList, {list + ", 10.0.0.3"}) == "10.0.0.2");
}

}  // namespace daphnis::peer

#include "common/peer/proxy_header.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

namespace daphnis::peer {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string kRequest = "GET / HTTP/1.1\r\n";

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

/// A header of version 2; `length` is that of what it says.
std::string binary(int version_and_command, int family, size_t length, const std::string& rest) {
  return kSignature +
         bytes({version_and_command, family, static_cast<int>(length >> 8),
                static_cast<int>(length & 0xff)}) +
         rest;
}

std::string binary(int version_and_command, int family, const std::string& rest) {
  return binary(version_and_command, family, rest.size(), rest);
}

const std::string kFour = bytes({203, 0, 113, 9, 10, 0, 0, 1, 0x80, 0, 0, 80});
const std::string kSix = bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}) +
                         std::string(16, '\0') + bytes({0x80, 0, 0, 80});

struct Seen {
  ProxyHeader header;
  size_t taken = 0;
};

/// Feeds `text` in pieces of `piece` bytes.
Seen feed(const std::string& text, size_t piece) {
  Seen seen;
  for (size_t at = 0; at < text.size(); at += piece) {
    const Bytes offered = as_bytes(std::string_view(text).substr(at, piece));
    const size_t taken = seen.header.feed(offered);
    seen.taken += taken;
    if (taken < offered.size()) break;
  }
  return seen;
}

/// What is said of the client: its address, "socket" for the socket's own, "more" or "refused".
std::string source(const std::string& text, size_t piece) {
  const Seen seen = feed(text, piece);
  if (seen.header.state() == ProxyHeader::State::kNeedMore) return "more";
  if (seen.header.state() == ProxyHeader::State::kRefused) {
    CHECK_FALSE(seen.header.problem().empty());
    return "refused";
  }
  return seen.header.source() ? seen.header.source()->text() : "socket";
}

}  // namespace

TEST_CASE("a PROXY header names the client, in any pieces, and what follows is left",
          "[common][proxy_header]") {
  struct Case {
    std::string header;
    std::string client;
  };
  const auto it = GENERATE(values<Case>({
      {"PROXY TCP4 203.0.113.9 10.0.0.1 56324 80\r\n", "203.0.113.9"},
      {"PROXY TCP6 2001:DB8::9 ::1 0 65535\r\n", "2001:db8::9"},
      {"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:10.0.0.1 1 80\r\n", "203.0.113.9"},
      {"PROXY UNKNOWN\r\n", "socket"},
      {"PROXY UNKNOWN 2001:db8::9 whatever stands here\r\n", "socket"},
      {binary(0x21, 0x11, kFour), "203.0.113.9"},
      {binary(0x21, 0x11, kFour + std::string(4'096, 'x')), "203.0.113.9"},
      {binary(0x21, 0x21, kSix), "2001:db8::9"},
      {binary(0x21, 0x21, kSix + bytes({3, 0, 4, 1, 2, 3, 4})), "2001:db8::9"},
      {binary(0x20, 0x00, ""), "socket"},
      {binary(0x20, 0x11, kFour), "socket"},
      {binary(0x20, 0xff, std::string(100, 'x')), "socket"},
      {binary(0x21, 0x00, ""), "socket"},
      {binary(0x21, 0x12, kFour), "socket"},
      {binary(0x21, 0x31, std::string(216, '/')), "socket"},
      {binary(0x21, 0x31, std::string(216 + 4'096, '/')), "socket"},
  }));
  CAPTURE(it.header);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{15}, size_t{16}, size_t{10'000}}) {
    CAPTURE(piece);
    CHECK(source(it.header + kRequest, piece) == it.client);
    CHECK(feed(it.header + kRequest, piece).taken == it.header.size());
    CHECK(source(it.header.substr(0, it.header.size() - 1), piece) == "more");
  }
}

TEST_CASE("what is no PROXY header is refused, at its first wrong byte where that can be",
          "[common][proxy_header]") {
  const auto it = GENERATE(values<std::string>({
      "GET / HTTP/1.1\r\n\r\n",
      "POST /data HTTP/1.1\r\n",
      "PROXYTCP4 1.2.3.4 1.2.3.4 1 1\r\n",
      "PROXY \r\n",
      "PROXY TCP4\r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 56324 80\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 56324 80\r\r\n",
      "PROXY TCP4  203.0.113.9 10.0.0.1 56324 80\r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 56324 80 \r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 56324\r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 56324 080\r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 65536 80\r\n",
      "PROXY TCP4 203.0.113.9 10.0.0.1 -1 80\r\n",
      "PROXY TCP4 2001:db8::9 ::1 1 80\r\n",
      "PROXY TCP6 203.0.113.9 10.0.0.1 1 80\r\n",
      "PROXY TCP4 203.0.113.256 10.0.0.1 1 80\r\n",
      "PROXY TCP4 203.0.113.9 nowhere 1 80\r\n",
      "PROXY TCP5 203.0.113.9 10.0.0.1 1 80\r\n",
      "PROXY UDP4 203.0.113.9 10.0.0.1 1 80\r\n",
      "PROXY UNKNOWNS\r\n",
      "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
      "\r\nGET / HTTP/1.1\r\n",
      binary(0x11, 0x11, kFour),
      binary(0x22, 0x11, kFour),
      binary(0x21, 0x41, kFour),
      binary(0x21, 0x13, kFour),
      binary(0x21, 0x11, kFour.substr(1)),
      binary(0x21, 0x21, kFour),
      binary(0x21, 0x31, std::string(215, '/')),
      binary(0x21, 0x11, 12 + 4'097, kFour),
      binary(0x20, 0x00, 4'097, ""),
      binary(0x21, 0x11, 0xffff, kFour),
  }));
  CAPTURE(it);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{10'000}}) {
    CHECK(source(it, piece) == "refused");
  }
}

TEST_CASE("a line of 107 bytes is the longest PROXY header of version 1",
          "[common][proxy_header]") {
  const std::string longest = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  REQUIRE(longest.size() == kProxyLineBytesMax);
  CHECK(source(longest, 1) == "socket");
  CHECK(feed(std::string("PROXY UNKNOWN ") + std::string(1'000, 'x'), 1'000).taken ==
        kProxyLineBytesMax);
}

TEST_CASE("a refused PROXY header takes no more bytes", "[common][proxy_header]") {
  ProxyHeader header;
  CHECK(header.feed(as_bytes("GET / HTTP/1.1")) == 1);
  CHECK(header.state() == ProxyHeader::State::kRefused);
  CHECK(header.feed(as_bytes("PROXY UNKNOWN\r\n")) == 0);
  CHECK_FALSE(header.source());
}

}  // namespace daphnis::peer

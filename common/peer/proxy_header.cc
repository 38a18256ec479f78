#include "common/peer/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace daphnis::peer {
namespace {

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};

constexpr size_t kFixedBytes = 16;  ///< Of version 2: up to the addresses.
constexpr uint8_t kVersion = 2;
constexpr uint8_t kLocal = 0;
constexpr uint8_t kProxy = 1;
// Family and transport of the addresses, one hex digit each.
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr uint8_t kFamilyLast = 3;
constexpr uint8_t kTransportLast = 2;
/// Two addresses and two ports.
constexpr size_t kTcp4Bytes = 12;
constexpr size_t kTcp6Bytes = 36;
constexpr size_t kUnixBytes = 216;

/// Takes the text up to the next space off the front; empty where no space follows.
std::string_view take_word(std::string_view& line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return {};
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space + 1);
  return word;
}

std::optional<IpAddress> parse_address(std::string_view text, bool is_v4) {
  const bool is_dotted = text.find(':') == std::string_view::npos;
  return is_dotted == is_v4 ? IpAddress::parse(text) : std::nullopt;
}

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && (text.size() == 1 || text.front() != '0');
}

}  // namespace

size_t ProxyHeader::feed(Bytes offered) {
  size_t taken = 0;
  while (state_ == State::kNeedMore && taken < offered.size()) {
    if (skip_bytes_ == 0) {
      take(offered[taken++]);
      continue;
    }
    const size_t size = std::min(skip_bytes_, offered.size() - taken);
    taken += size;
    skip_bytes_ -= size;
    if (skip_bytes_ == 0) state_ = State::kDone;
  }
  return taken;
}

void ProxyHeader::take(uint8_t byte) {
  held_[size_++] = byte;
  if (held_[0] == static_cast<uint8_t>(kLineBegin.front())) {
    take_line(byte);
  } else if (held_[0] == static_cast<uint8_t>(kSignature.front())) {
    take_binary(byte);
  } else {
    refuse("it begins like neither version of the PROXY protocol");
  }
}

void ProxyHeader::take_line(uint8_t byte) {
  if (size_ <= kLineBegin.size()) {
    if (byte != static_cast<uint8_t>(kLineBegin[size_ - 1])) refuse("it does not begin with PROXY");
  } else if (byte == '\n') {
    read_line(as_text(std::span(held_).first(size_)));
  } else if (size_ == kProxyLineBytesMax) {
    refuse("its line is longer than 107 bytes");
  }
}

/// "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"; behind UNKNOWN anything may stand.
void ProxyHeader::read_line(std::string_view line) {
  if (!line.ends_with("\r\n")) return refuse("its line does not end with CRLF");
  line.remove_prefix(kLineBegin.size());
  line.remove_suffix(2);
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
    state_ = State::kDone;
    return;
  }
  const std::string_view protocol = take_word(line);
  if (protocol != "TCP4" && protocol != "TCP6") {
    return refuse("its protocol is none of TCP4, TCP6, UNKNOWN");
  }
  const bool is_v4 = protocol == "TCP4";
  const auto source = parse_address(take_word(line), is_v4);
  const auto destination = parse_address(take_word(line), is_v4);
  const bool has_ports = is_port(take_word(line)) && is_port(line);
  if (!source || !destination || !has_ports) return refuse("its addresses or ports are none");
  source_ = source;
  state_ = State::kDone;
}

void ProxyHeader::take_binary(uint8_t byte) {
  if (size_ <= kSignature.size()) {
    if (byte != static_cast<uint8_t>(kSignature[size_ - 1])) refuse("its signature is broken");
  } else if (size_ == kFixedBytes) {
    read_fixed();
  } else if (size_ == kFixedBytes + address_bytes_) {
    read_source();
  }
}

/// Version and command, family and transport, and the number of bytes that follow.
void ProxyHeader::read_fixed() {
  const uint8_t version = held_[12] >> 4;
  const uint8_t command = held_[12] & 0xf;
  const uint8_t family = held_[13];
  const size_t length = static_cast<size_t>(held_[14]) << 8 | held_[15];
  if (version != kVersion) return refuse("its version is none of 1 and 2");
  if (command != kLocal && command != kProxy) return refuse("its command is none of 0 and 1");
  const bool is_known = family >> 4 <= kFamilyLast && (family & 0xf) <= kTransportLast;
  if (command == kProxy && !is_known) {
    return refuse("its kind of addresses is unknown");
  }
  const size_t named = family >> 4 == 1   ? kTcp4Bytes
                       : family >> 4 == 2 ? kTcp6Bytes
                       : family >> 4 == 3 ? kUnixBytes
                                          : 0;
  if (command == kProxy && length < named) return refuse("it is too short for its addresses");
  if (length > named + kProxyTlvBytesMax) return refuse("it is too long");
  const bool is_read = command == kProxy && (family == kTcp4 || family == kTcp6);
  address_bytes_ = is_read ? named : 0;
  rest_bytes_ = length - address_bytes_;
  if (address_bytes_ == 0) begin_skipping(rest_bytes_);
}

void ProxyHeader::read_source() {
  const std::span<const uint8_t> addresses = std::span(held_).subspan(kFixedBytes);
  if (address_bytes_ == kTcp4Bytes) {
    source_ = IpAddress(addresses.first<4>());
  } else {
    IpAddress::V6 bytes{};
    std::ranges::copy(addresses.first<16>(), bytes.begin());
    source_ = IpAddress(bytes);
  }
  begin_skipping(rest_bytes_);
}

void ProxyHeader::begin_skipping(size_t bytes) {
  skip_bytes_ = bytes;
  if (bytes == 0) state_ = State::kDone;
}

void ProxyHeader::refuse(std::string_view problem) {
  state_ = State::kRefused;
  problem_ = problem;
}

}  // namespace daphnis::peer

#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/peer/forwarded.h"

/// Checks that a client can write nothing in front of what a trusted proxy adds that changes whom
/// the proxy names, and that a stranger is believed nothing. The first byte chooses the field, the
/// rest is its value, a line for each time that the field comes.
namespace {

using namespace daphnis;

IpAddress client(const IpAddress& peer, std::string_view text, peer::ClientField field,
                 std::string_view added, const CidrSet& trusted) {
  const std::string name = field == peer::ClientField::kForwarded ? "Forwarded" : "X-Forwarded-For";
  http::Head head;
  while (true) {
    const size_t end = text.find('\n');
    head.headers.push_back({name, std::string(text.substr(0, end))});
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  head.headers.back().value.append(added);
  return client_address(peer, head, field, trusted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool is_list = (data[0] & 1) == 0;
  const auto field = is_list ? peer::ClientField::kXForwardedFor : peer::ClientField::kForwarded;
  const std::string_view text = as_text(Bytes(data + 1, size - 1));
  const IpAddress proxy = *IpAddress::parse("10.0.0.1");
  const IpAddress real = *IpAddress::parse("203.0.113.9");
  CidrSet trusted;
  trusted.add(*parse_cidr("10.0.0.0/8"));
  check(client(real, text, field, "", trusted) == real, "a stranger is believed");
  const std::string_view added = is_list ? ", 203.0.113.9" : ", for=203.0.113.9";
  check(client(proxy, text, field, added, trusted) == real, "a client hides behind its own words");
  const std::string_view six =
      is_list ? ",[2001:db8::9]:80" : ",by=\"a,;\";for=\"[2001:db8::9]:80\"";
  check(client(proxy, text, field, six, trusted).text() == "2001:db8::9",
        "a client hides behind its own words");
  static_cast<void>(client(proxy, text, field, "", trusted));
  return 0;
}

#include "broker/l2_http/l2_target.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/base/names.h"

namespace daphnis::broker {
namespace {

constexpr std::string_view kVersionsServed =
    "this L1 speaks v=1 and v=2, and v=2 to L2s of newer versions";
constexpr std::string_view kRegister = "/register/";
constexpr std::string_view kHoldings = "/holdings/";

/// A whole number from 1 to 2^32 - 1.
std::optional<uint32_t> read_number(std::string_view text) {
  uint32_t number = 0;
  const auto [at, error] = std::from_chars(text.begin(), text.end(), number);
  const bool is_number = error == std::errc{} && at == text.end() && number > 0;
  return is_number ? std::optional(number) : std::nullopt;
}

L2Target read_registration(const http::Head& head, std::string_view rest, std::string_view query) {
  if (head.method != "GET") return OddRegistration{.detail = "a registration is a GET"};
  if (head.chunked || head.content_length.value_or(0) > 0) {
    return OddRegistration{.detail = "a registration has no body"};
  }
  if (!is_name(rest)) return OddRegistration{.detail = "an L2 id is 1 to 64 of [A-Za-z0-9._-]"};
  Registration registration{.l2_id = std::string(rest)};
  if (const auto text = query_value(query, "v")) {
    const auto version = read_number(*text);
    if (!version) {
      return OddRegistration{.code = "odd_version", .detail = kVersionsServed, .is_lasting = true};
    }
    if (*version >= kL2Version) registration.capabilities = kV2Capabilities;
  }
  if (const auto capacity = query_value(query, "capacity")) {
    const auto number = read_number(*capacity);
    if (!number) return OddRegistration{.detail = "capacity is a number from 1"};
    registration.capacity = std::min(*number, limits::kL2CapacityMax);
  }
  return RegisterTarget{
      .registration = std::move(registration),
      .framing = head.minor == 1 ? NdjsonLine::Framing::kChunked : NdjsonLine::Framing::kClose};
}

}  // namespace

L2Target read_target(const http::Head& head) {
  std::string_view path = head.target;
  const size_t mark = std::min(path.find('?'), path.size());
  const std::string_view query = path.substr(std::min(mark + 1, path.size()));
  path = path.substr(0, mark);
  if (path.starts_with(kRegister) || path == kRegister.substr(0, kRegister.size() - 1)) {
    return read_registration(head, path.substr(std::min(kRegister.size(), path.size())), query);
  }
  if (path.starts_with(kDataPath)) {
    auto data = read_data_target(head);
    return data ? L2Target(std::move(*data)) : L2Target(data.error());
  }
  if (path.starts_with(kHoldings)) {
    const std::string_view id = path.substr(kHoldings.size());
    if (head.method != "POST" && head.method != "PUT") {
      return NoTarget{405, "method_not_allowed", "announce holdings by POST"};
    }
    if (!is_name(id)) return NoTarget{400, "bad_l2_id", "an L2 id is 1 to 64 of [A-Za-z0-9._-]"};
    return HoldingsTarget{std::string(id)};
  }
  return NoTarget{404, "no_such_path", "L2s use /register/, /data/ and /holdings/"};
}

bool looks_like_registration(std::string_view raw) {
  const size_t space = raw.find(' ');
  return space != std::string_view::npos && raw.substr(space + 1).starts_with(kRegister);
}

}  // namespace daphnis::broker

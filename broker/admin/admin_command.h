#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace daphnis::broker {

/// Content types of the admin endpoint's replies.
inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kNdjson = "application/x-ndjson";

/// The reply to a command of the operator's.
struct CommandReply {
  int status = 200;
  std::string_view type;
  std::string body;
};

/// The value of `name` where it is the first parameter of the target's query; else empty.
[[nodiscard]] inline std::string_view parameter(std::string_view target, std::string_view name) {
  const std::string_view query = target.substr(std::min(target.find('?'), target.size()));
  if (query.size() <= name.size() + 1 || query.substr(1, name.size()) != name) return {};
  if (query[name.size() + 1] != '=') return {};
  return query.substr(name.size() + 2);
}

}  // namespace daphnis::broker

#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace daphnis::broker::uv {

/// The wall clock, in seconds since the epoch.
[[nodiscard]] inline uint32_t wall_seconds() {
  return static_cast<uint32_t>(std::time(nullptr));
}

/// The wall clock in RFC 3339, UTC, with milliseconds.
[[nodiscard]] inline std::string wall_time() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char text[32];
  const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string ms = std::to_string(now.tv_nsec / 1'000'000);
  return std::string(text, size) + "." + std::string(3 - ms.size(), '0') + ms + "Z";
}

}  // namespace daphnis::broker::uv

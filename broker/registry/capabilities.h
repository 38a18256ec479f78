#pragma once

#include <cstdint>
#include <string_view>

#include "common/request/stream_shape.h"

namespace daphnis::broker {

/// What an L2 can do, as it said when it registered (DESIGN 3.1). The defaults are what every L2
/// can; one ability more is one member more, which is off by default.
struct Capabilities {
  /// What it sends for an order: just what was asked for, or the whole DAG below the root.
  StreamShape stream_shape = StreamShape::kWholeDag;
  /// An order may say path, scope, byte range, dups and the time left, besides ids and the root.
  bool reads_whole_requests = false;
  /// It can be told that nobody waits for an order any more, and acknowledges that.
  bool reads_cancels = false;

  [[nodiscard]] bool operator==(const Capabilities&) const = default;
};

/// The newest protocol version that L2s are served at. One that speaks a newer one is served at
/// this.
inline constexpr uint32_t kL2Version = 2;

/// What an L2 that speaks v2 can do. An L2 without any of it is a legacy one.
inline constexpr Capabilities kV2Capabilities{
    .stream_shape = StreamShape::kExact, .reads_whole_requests = true, .reads_cancels = true};

/// True where an L2 can do at least what v2 asks of it.
[[nodiscard]] constexpr bool speaks_v2(const Capabilities& capabilities) {
  return capabilities.stream_shape == kV2Capabilities.stream_shape &&
         capabilities.reads_whole_requests && capabilities.reads_cancels;
}

/// The generation as lists and logs name it: "v2" or "legacy".
[[nodiscard]] constexpr std::string_view generation_name(const Capabilities& capabilities) {
  return speaks_v2(capabilities) ? "v2" : "legacy";
}

}  // namespace daphnis::broker

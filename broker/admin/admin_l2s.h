#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/admin/admin_command.h"
#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

inline constexpr uint64_t kOperatorEjectionSMax = 2'592'000;  ///< The longest: 30 days.

/// All registered L2s as NDJSON, one a line.
[[nodiscard]] std::string l2_list(const Broker& broker, uint64_t now_ms);

/// Carries out POST /l2s/ID/eject?seconds=N, /l2s/ID/readmit, or /l2s/ID/weight?w=W. `path` is
/// without the query.
[[nodiscard]] CommandReply l2_command(const http::Head& head, std::string_view path, Broker& broker,
                                      uint64_t now_ms);

}  // namespace daphnis::broker

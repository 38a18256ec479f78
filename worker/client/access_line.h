#pragma once

#include <cstdint>

#include "common/base/logfmt.h"
#include "worker/client/exchange.h"

namespace daphnis::worker {

/// The line that is logged for an exchange that is over (docs/stats.md names its fields).
[[nodiscard]] LogLine access_line(const Exchange& exchange, Outcome end, uint64_t now_ms);

}  // namespace daphnis::worker

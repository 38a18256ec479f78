#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/registry/l2.h"
#include "common/base/uuid.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

/// The order line of DESIGN 3.1, with its line end. Everything in it is made here or was validated:
/// a deployed node that meets a line it cannot read never comes back.
///
/// All L2s: requestId (lower case, dashed), root, cid (the same) and traceId. v2 adds path
/// (percent-encoded segments with '/' between them, "" for the root itself), dagScope, entityBytes
/// (where a range is asked for), dups and deadlineMs, how long from now the fetch may take.
[[nodiscard]] std::string order_line(const Uuid& attempt_id, const CarRequest& request,
                                     std::string_view trace_id, uint64_t deadline_ms,
                                     Generation generation);

}  // namespace daphnis::broker

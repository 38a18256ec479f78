#pragma once

#include <string>

#include "broker/core/broker.h"
#include "broker/core/process_gauges.h"
#include "common/core/http_parser.h"

namespace daphnis::broker {

/// Answers one request to the admin endpoint: the whole response, head included.
///
/// GET (or HEAD) /healthz (200 while the loop turns), /readyz (503 while draining), /l2s and
/// /workers (NDJSON, one object a line), /metrics (Prometheus text format 0.0.4); POST
/// /log-level/<level> sets the level here and at all workers. A request with an Origin, or whose
/// Host is neither an address literal nor localhost, is refused with 403: it comes from a page in a
/// browser (DNS rebinding), and this endpoint has no other lock.
[[nodiscard]] std::string admin_answer(const http::Head& head, Broker& broker,
                                       const ProcessGauges& process, uint64_t now_ms);

/// The same for a request that could not be parsed.
[[nodiscard]] std::string admin_refusal(const http::Refusal& refusal);

}  // namespace daphnis::broker

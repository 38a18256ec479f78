#pragma once

#include <string>
#include <string_view>

#include "broker/base/process_gauges.h"
#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// A response: the head and the body, or its beginning.
struct AdminReply {
  std::string text;
  /// Where a longer body goes on, by admin_more(); 0: this is all.
  uint64_t cursor = 0;
};

/// Answers one request to the admin endpoint. `body` is the request's.
///
/// GET (or HEAD) /healthz (200 while the loop turns), /readyz (JSON: what is there; 503 while
/// draining, or without a worker or an L2 where `?require=worker,l2`, or one of the two, asks for
/// them), /l2s, /workers and /cache (NDJSON, one object a line), /metrics (Prometheus text format
/// 0.0.4); POST /log-level/<level> sets the level here and at all workers, POST /cache/… see
/// admin_cache.h. A
/// request with an Origin, or whose Host is neither an address literal nor localhost, is refused
/// with 403: it comes from a page in a browser (DNS rebinding), and this endpoint has no other
/// lock.
[[nodiscard]] AdminReply admin_reply(const http::Head& head, std::string_view body, Broker& broker,
                                     const ProcessGauges& process, uint64_t now_ms);
/// More of an answer's body; moves the cursor.
[[nodiscard]] std::string admin_more(const Broker& broker, uint64_t& cursor);

/// The same for a request that could not be parsed.
[[nodiscard]] std::string admin_refusal(const http::Refusal& refusal);

}  // namespace daphnis::broker

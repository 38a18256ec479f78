#pragma once

#include <string>
#include <string_view>

#include "broker/base/process_gauges.h"
#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// A reply: the head, and the body or its beginning.
struct AdminReply {
  std::string text;
  /// The cursor for admin_more(), which gives the rest of a longer body; 0: `text` is whole.
  uint64_t cursor = 0;
};

/// The reply to one request to the admin endpoint. `body` is the request's body.
///
/// GET (or HEAD) serves /healthz (200 while the loop turns), /readyz (JSON; 503 while draining, or
/// where what `?require=worker,l2,self` or a part of it names is missing), /l2s,
/// /workers and /cache (NDJSON, one object a line), and /metrics (Prometheus text format 0.0.4).
/// POST /log-level/<level> sets the level here and at all workers; admin_cache.h has POST /cache/…
/// and admin_l2s.h POST /l2s/…
///
/// A request with an Origin, or whose Host is neither an address literal nor localhost, gets 403:
/// it comes from a page in a browser (DNS rebinding), and this endpoint has no other guard.
[[nodiscard]] AdminReply admin_reply(const http::Head& head, std::string_view body, Broker& broker,
                                     const ProcessGauges& process, uint64_t now_ms);
/// The next part of a reply's body. Moves the cursor, to 0 at the end.
[[nodiscard]] std::string admin_more(const Broker& broker, uint64_t& cursor);

/// The reply to a request that could not be parsed.
[[nodiscard]] std::string admin_refusal(const http::Refusal& refusal);

}  // namespace daphnis::broker

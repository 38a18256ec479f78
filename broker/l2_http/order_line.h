#pragma once

#include <string>
#include <string_view>

#include "broker/registry/capabilities.h"
#include "broker/registry/l2_line.h"

namespace daphnis::broker {

/// The order line of DESIGN 3.1, with its line end. All its values are made here or were validated,
/// since a deployed node that meets a line it cannot read never comes back.
///
/// A line for any L2 has requestId (lower case, dashed), root, cid (the same) and traceId. A line
/// for an L2 that reads whole requests adds path (percent-encoded segments with '/' between them,
/// "" for the root itself), dagScope, entityBytes (where a range is asked for), dups and
/// deadlineMs, the time that the fetch has left; where a worker takes the delivery itself also
/// dataUrl, and in the middle of an output skip and next.
[[nodiscard]] std::string order_line(const Order& order, const Capabilities& capabilities);

/// The line, with its line end, by which an L2 that reads cancels learns that nobody waits for an
/// order any more.
[[nodiscard]] std::string cancel_line(const Uuid& attempt_id);

/// The line, with its line end, by which an L2 that speaks v2 learns that it is ejected.
[[nodiscard]] std::string notice_line(const Ejection& ejection);

/// The line, with its line end, by which it learns that another node asks for its id; `reason` is a
/// name.
[[nodiscard]] std::string contested_line(std::string_view reason);

/// The line, with its line end, by which it gets a token.
[[nodiscard]] std::string token_line(std::string_view token);

}  // namespace daphnis::broker

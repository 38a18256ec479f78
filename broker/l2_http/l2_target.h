#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "broker/l2_http/ndjson_line.h"
#include "broker/registry/l2.h"
#include "common/http/http_parser.h"
#include "common/request/data_target.h"

namespace daphnis::broker {

/// Targets of an L2's request (DESIGN 3.1), read from its head alone.

/// GET /register/<id>[?v=N&capacity=N]. A version above kL2Version is served at that one.
struct RegisterTarget {
  Registration registration;
  NdjsonLine::Framing framing = NdjsonLine::Framing::kChunked;  ///< What its HTTP version can read.
};
/// POST /holdings/<id>.
struct HoldingsTarget {
  std::string l2_id;
};
/// A registration that is malformed. The reply is never a 4xx, after which a deployed node would
/// never come back.
struct OddRegistration {
  std::string_view code = "odd_registration";
  std::string_view detail;
  bool is_lasting = false;  ///< The L2 would be refused again until it is another program.
};
/// Any other request, with the reply to it.
using NoTarget = BadTarget;

using L2Target =
    std::variant<RegisterTarget, DataTarget, HoldingsTarget, OddRegistration, NoTarget>;

[[nodiscard]] L2Target read_target(const http::Head& head);

/// True where the bytes of a request that could not be parsed name a registration's path.
[[nodiscard]] bool looks_like_registration(std::string_view raw);

}  // namespace daphnis::broker

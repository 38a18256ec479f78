#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "broker/registry/l2.h"
#include "common/base/uuid.h"
#include "common/http/http_parser.h"
#include "common/ipld/cid.h"
#include "common/request/not_found.h"

namespace daphnis::broker {

/// What an L2's request is about (DESIGN 3.1). Pure readings of a head; nothing is looked up.

/// GET /register/<id>[?v=2&capacity=N].
struct RegisterTarget {
  Registration registration;
};
/// POST or PUT /data/<cid>, with ?requestId=<uuid> or /<uuid> or neither.
struct DataTarget {
  Cid root;
  std::optional<Uuid> attempt_id;
  std::optional<NotFound> not_found;  ///< Daphnis-Not-Found, where it is there.
};
/// POST /holdings/<id>.
struct HoldingsTarget {
  std::string l2_id;
};
/// A registration that is odd in some way. Never answered with 4xx: a deployed node would never
/// come back.
struct OddRegistration {
  std::string_view detail;
};
/// Anything else.
struct NoTarget {
  int status;
  std::string_view code;
  std::string_view detail;
};

using L2Target =
    std::variant<RegisterTarget, DataTarget, HoldingsTarget, OddRegistration, NoTarget>;

[[nodiscard]] L2Target read_target(const http::Head& head);

/// True where the bytes of a request that could not be parsed ask for a registration's path.
[[nodiscard]] bool looks_like_registration(std::string_view raw);

}  // namespace daphnis::broker

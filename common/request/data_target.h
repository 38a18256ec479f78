#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "common/base/uuid.h"
#include "common/http/http_parser.h"
#include "common/ipld/cid.h"
#include "common/request/not_found.h"

namespace daphnis {

/// The path that an L2 delivers to, up to the CID.
inline constexpr std::string_view kDataPath = "/data/";

/// A delivery of an L2 (DESIGN 3.1), read from its head alone: POST or PUT /data/<cid>, with
/// ?requestId=<uuid> or /<uuid> or neither.
struct DataTarget {
  Cid root;
  std::optional<Uuid> attempt_id;
  std::optional<NotFound> not_found;  ///< The value of Daphnis-Not-Found, if the head has one.
  bool acknowledges_cancel = false;   ///< The head has Daphnis-Cancelled.
};

/// The reply to a request that asks for nothing that there is.
struct BadTarget {
  int status;
  std::string_view code;
  std::string_view detail;
};

/// Reads the head of a request whose path begins with kDataPath.
[[nodiscard]] std::expected<DataTarget, BadTarget> read_data_target(const http::Head& head);

/// The value of `name` in the query of a target; nullopt where it is missing. The value is not
/// percent-decoded, since every value that L2s use consists of unreserved characters.
[[nodiscard]] std::optional<std::string_view> query_value(std::string_view query,
                                                          std::string_view name);

}  // namespace daphnis

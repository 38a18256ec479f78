#pragma once

#include <string>
#include <string_view>

#include "broker/admin/admin_command.h"
#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// Carries out POST /cache/purge?cid=CID or ?all=1, /cache/limit?bytes=SIZE, or /cache/warm with a
/// CID a line in the body. `path` is without the query.
[[nodiscard]] CommandReply cache_command(const http::Head& head, std::string_view path,
                                         std::string_view body, Broker& broker);

/// Up to kCacheListEntries entries as NDJSON, from `cursor` on. Moves the cursor, to 0 at the end.
[[nodiscard]] std::string cache_list(const Broker& broker, uint64_t& cursor);

}  // namespace daphnis::broker

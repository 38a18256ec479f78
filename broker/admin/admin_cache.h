#pragma once

#include <string>
#include <string_view>

#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// Content types of the admin endpoint's replies.
inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kNdjson = "application/x-ndjson";

/// The reply to a command of the operator's for the cache.
struct CacheReply {
  int status = 200;
  std::string_view type;
  std::string body;
};

/// Carries out POST /cache/purge?cid=CID or ?all=1, /cache/limit?bytes=SIZE, or /cache/warm with a
/// CID a line in the body. `path` is without the query.
[[nodiscard]] CacheReply cache_command(const http::Head& head, std::string_view path,
                                       std::string_view body, Broker& broker);

/// Up to kCacheListEntries entries as NDJSON, from `cursor` on. Moves the cursor, to 0 at the end.
[[nodiscard]] std::string cache_list(const Broker& broker, uint64_t& cursor);

}  // namespace daphnis::broker

#pragma once

#include <string>
#include <string_view>

#include "broker/broker.h"
#include "common/http/http_parser.h"

namespace daphnis::broker {

/// What the operator asks of the cache; the answer's body and status.
struct CacheReply {
  int status = 200;
  std::string_view type;
  std::string body;
};

/// POST /cache/purge?cid=CID or ?all=1, /cache/limit?bytes=SIZE, /cache/warm with a CID a line in
/// the body. `path` is without the query.
[[nodiscard]] CacheReply cache_command(const http::Head& head, std::string_view path,
                                       std::string_view body, Broker& broker);

/// Entries as NDJSON, from `cursor` on, which is moved; 0 afterwards: that was all.
[[nodiscard]] std::string cache_list(const Broker& broker, uint64_t& cursor);

}  // namespace daphnis::broker

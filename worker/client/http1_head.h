#pragma once

#include <cstdint>
#include <string>

#include "worker/gateway/response.h"

namespace daphnis::worker {

/// How an HTTP/1 client finds the end of the body (RFC 9112 section 6).
enum class Framing : uint8_t {
  kNone,     ///< No body follows.
  kLength,   ///< The head has Content-Length.
  kChunked,  ///< Each piece has an http::ChunkHead, and a whole body ends with kLastChunk.
  kToClose,  ///< The close ends the body (HTTP/1.0), so an abort must be a reset.
};

/// The part of a request that an HTTP/1 response's framing depends on.
struct Http1Request {
  int minor = 1;           ///< The minor number of its HTTP version.
  bool is_head = false;    ///< The method is HEAD, so no body follows.
  bool keep_alive = true;  ///< Client and server both want to keep the connection.
};

/// A response's head, ready to send on an HTTP/1 connection, and how its body must follow.
struct Http1Head {
  std::string text = {};
  Framing framing = Framing::kNone;
  bool keeps_open = true;  ///< The connection stays open after the body.
};

/// Adds to a response the fields of the connection and of the body's framing. A body of unknown
/// length is chunked, or ends by close for HTTP/1.0.
[[nodiscard]] Http1Head http1_head(const Response& response, const Http1Request& request);

}  // namespace daphnis::worker

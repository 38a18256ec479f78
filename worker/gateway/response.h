#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/http/http_writer.h"

namespace daphnis::worker {

/// A response in the terms that all versions of HTTP share (RFC 9110): what it says, and not how a
/// connection carries it, which is for the client's session to know.
struct Response {
  int status = 200;
  /// All fields but those of the connection and of the body's framing.
  http::FieldLines fields = {};
  /// The body's length in bytes, where it is known beforehand; for HEAD, that of the body a GET
  /// would have.
  std::optional<uint64_t> length = {};
  /// The whole body, where it comes with the response; else it is pushed into the exchange.
  std::optional<std::string> body = {};
  uint64_t body_offset = 0;  ///< The body's offset in the content: not 0 for a raw block's range.
  bool is_last = false;      ///< No request should follow on this connection.
};

/// True where no response of that status has a body (RFC 9110 sections 15.3.5 and 15.4.5).
[[nodiscard]] constexpr bool has_no_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace daphnis::worker

#pragma once

#include <string>

#include "worker/client/http1_head.h"

namespace daphnis::worker {

/// A response as an HTTP/1 client gets it, with its body where that comes with it.
inline std::string text_of(const Response& response, const Http1Request& request = {}) {
  Http1Head head = http1_head(response, request);
  if (response.body && head.framing == Framing::kLength) head.text += *response.body;
  return std::move(head.text);
}

}  // namespace daphnis::worker

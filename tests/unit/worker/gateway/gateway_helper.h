#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

inline constexpr std::string_view kRaw =
    "bafkreihhpc5y2pqvl5rbe5uuyhqjouybfs3rvlmisccgzue2kkt5zq6upq";
inline constexpr std::string_view kDir =
    "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu";

struct Ask {
  std::string target;
  std::vector<http::Header> headers = {};
  std::string method = "GET";
};

inline Decision decide(const Ask& ask) {
  http::Head head;
  head.method = ask.method;
  head.target = ask.target;
  head.headers = ask.headers;
  return decide(head);
}

inline Content content_of(const Ask& ask) {
  auto decision = decide(ask);
  if (const auto* answer = std::get_if<Answer>(&decision)) {
    FAIL("answered " << answer->status << " " << answer->code << " instead of going for content");
  }
  return std::get<Content>(decision);
}

inline Answer answer_of(const Ask& ask) {
  auto decision = decide(ask);
  REQUIRE(std::holds_alternative<Answer>(decision));
  return std::get<Answer>(decision);
}

/// A decision as text: "400 bad_cid", for instance, or "content".
inline std::string verdict(const Ask& ask) {
  const auto decision = decide(ask);
  const auto* answer = std::get_if<Answer>(&decision);
  return answer ? std::to_string(answer->status) + " " + std::string(answer->code) : "content";
}

inline std::string header(const std::vector<http::Header>& headers, std::string_view name) {
  http::Head head;
  head.headers = headers;
  const std::string* value = head.find(name);
  return value ? *value : "none";
}

/// A GET of the directory's CAR with more query parameters.
inline Ask car(std::string_view more, std::vector<http::Header> headers = {}) {
  return {"/ipfs/" + std::string(kDir) + "?format=car" + std::string(more), std::move(headers)};
}

inline Ask raw(std::vector<http::Header> headers = {}) {
  return {"/ipfs/" + std::string(kRaw) + "?format=raw", std::move(headers)};
}

}  // namespace daphnis::worker

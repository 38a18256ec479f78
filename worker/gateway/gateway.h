#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/http/http_parser.h"
#include "common/ipld/hashes.h"
#include "common/request/car_request.h"
#include "worker/gateway/answers.h"
#include "worker/gateway/byte_ranges.h"

namespace daphnis::worker {

/// A request for content that only I/O can answer.
struct Content {
  CarRequest request;           ///< Canonical: the key of cache and joins.
  bool is_head = false;         ///< Only the status and head are wanted; see to_fetch().
  bool only_if_cached = false;  ///< 412 (kNotCached) instead of asking L2s.
  RequestKey key = {};          ///< key_of(request).
  std::string etag = {};        ///< Quoted and strong; empty where a CID does not name one block.
  std::vector<http::Header> headers =
      {};                               ///< Of a 200: all but those of ResponseContext and length.
  http::FieldLines lines = {};          ///< `headers` written out, where they go into many heads.
  std::optional<RangeSpec> range = {};  ///< Raw blocks only: the part of the block wanted.
};

/// What a request's head alone decides (trustless gateway specification; GATEWAY 1.1 to 1.8):
/// content to get, or the whole answer. Pure; costs time in proportion to the head's size.
using Decision = std::variant<Content, Answer>;
/// CIDs of sha1 are for content only where that is allowed.
[[nodiscard]] Decision decide(const http::Head& head, Sha1 sha1 = Sha1::kRefused);

/// All that decide() looks at, where it is little: heads with the same memory are decided the same.
/// Empty where there is more than target and Accept.
[[nodiscard]] std::string memo_key_of(const http::Head& head);

/// What has to be asked of L2s to answer: for HEAD the root block is proof enough.
[[nodiscard]] CarRequest to_fetch(const Content& content);

/// The head of a 200 for a CAR: with its length where that is known (a cached one), else chunked,
/// or to the close for HTTP/1.0.
[[nodiscard]] ResponseHead car_head(const Content& content, const ResponseContext& context,
                                    std::optional<uint64_t> length);

/// The head for a raw block of `block_bytes`: 200, 206 with the part to send, or 416 without a
/// body.
[[nodiscard]] ResponseHead raw_head(const Content& content, const ResponseContext& context,
                                    uint64_t block_bytes);

}  // namespace daphnis::worker

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/denylist/denylist.h"
#include "common/http/http_parser.h"
#include "common/ipld/hashes.h"
#include "common/request/car_request.h"
#include "worker/gateway/answers.h"
#include "worker/gateway/byte_ranges.h"

namespace daphnis::worker {

/// A request for content, which can be answered with I/O only.
struct Content {
  CarRequest request;  ///< The canonical request.
  /// The method is HEAD, so only status and head are wanted; see to_fetch().
  bool is_head = false;
  /// An exception of the denylist lets the path be served, though perhaps not the root alone.
  bool is_excepted = false;
  /// Where the content is not cached the answer is 412 (kNotCached), and no L2 is asked.
  bool only_if_cached = false;
  RequestKey key = {};  ///< The request's key: key_of(request).
  /// The Etag, quoted and strong; empty where the CID's hash can be forged.
  std::string etag = {};
  /// The fields of a 200, except those of ResponseContext and the length.
  std::vector<http::Header> headers = {};
  /// The fields of `headers` written out, where they go into many heads; else empty.
  http::FieldLines lines = {};
  /// The part of a raw block that is wanted; none for all of it.
  std::optional<RangeSpec> range = {};
};

/// A request for what may not be served.
struct DeniedContent {
  Denial denial;
  Cid root;
};

/// The decision that a request's head alone allows (trustless gateway specification; GATEWAY 1.1 to
/// 1.8): content to get, a whole answer, or a refusal.
using Decision = std::variant<Content, Answer, DeniedContent>;
/// Decides a request. The time it takes is in proportion to the head's size. CIDs of sha1 are
/// content only where `sha1` allows them, and what `denylist` denies is refused before all else
/// that the head asks for.
[[nodiscard]] Decision decide(const http::Head& head, Sha1 sha1 = Sha1::kRefused,
                              const Denylist* denylist = nullptr);

/// The key under which a decision can be remembered: all of the head that decide() reads. Heads
/// with equal keys are decided equally. Empty where the head has other fields that matter, or is
/// longer than kMemoBytesMax.
[[nodiscard]] std::string memo_key_of(const http::Head& head);

/// The request that L2s must be asked for: for a HEAD, the root block is proof enough.
[[nodiscard]] CarRequest to_fetch(const Content& content);

/// The 200 for a CAR. `length` is known for a cached file only.
[[nodiscard]] Response car_response(const Content& content, const ResponseContext& context,
                                    std::optional<uint64_t> length);

/// The response for a raw block of `block_bytes`: 200, 206 with the part to send, or a whole 416.
[[nodiscard]] Response raw_response(const Content& content, const ResponseContext& context,
                                    uint64_t block_bytes);

}  // namespace daphnis::worker

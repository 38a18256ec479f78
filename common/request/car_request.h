#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// How much below the path's end is wanted (trustless gateway specification, `dag-scope`).
enum class DagScope : uint8_t { kBlock = 0, kEntity = 1, kAll = 2 };

/// `entity-bytes=from:to`. Negative values count from the end; a negative `to` is exclusive
/// (0:-N drops the last N bytes), a positive one inclusive; no `to` means to the end.
struct ByteRange {
  int64_t from = 0;
  std::optional<int64_t> to;

  [[nodiscard]] bool operator==(const ByteRange&) const = default;
};

/// What a client gets: a CAR of part of a DAG, or one block's bytes.
enum class AnswerFormat : uint8_t { kCar = 0, kRaw = 1 };

/// One canonical request: two spellings of one request are equal here, two different ones never
/// are. The order is always depth-first. kRaw has no path, scope kBlock, no range and no dups.
struct CarRequest {
  Cid root = {};
  std::vector<std::string> path = {};  ///< Decoded segments; each is_path_segment().
  DagScope scope = DagScope::kAll;
  std::optional<ByteRange> bytes = {};  ///< Only with scope kEntity.
  bool dups = false;
  AnswerFormat format = AnswerFormat::kCar;

  [[nodiscard]] bool operator==(const CarRequest&) const = default;
};

/// True where the answer is the whole DAG below the root, so that an L2 that always sends that
/// sends just what is asked for.
[[nodiscard]] inline bool asks_for_whole_dag(const CarRequest& request) {
  return request.format == AnswerFormat::kCar && request.path.empty() &&
         request.scope == DagScope::kAll;
}

/// True where the answer is the root's block and no other: a raw block, a CAR of scope kBlock, or
/// one of a root whose codec has no links.
[[nodiscard]] inline bool asks_for_one_block(const CarRequest& request) {
  const bool is_leaf = request.root.codec() == codec::kRaw && !request.bytes;
  return request.path.empty() && (request.scope == DagScope::kBlock || is_leaf);
}

/// True for text that may be a path segment: UTF-8, not empty, not "." or "..", without '/' and
/// NUL.
[[nodiscard]] bool is_path_segment(std::string_view segment);

/// SHA-256 of encode(request): the key of a cached file, and of a group of fetches.
using RequestKey = std::array<uint8_t, 32>;

/// The request as bytes, in length-prefixed fields: decode(encode(r)) == r, and encode(decode(b))
/// == b for every b that decodes. The worker-broker messages hold requests in this form.
[[nodiscard]] std::vector<uint8_t> encode(const CarRequest& request);
[[nodiscard]] Result<CarRequest> decode_car_request(Bytes bytes);
[[nodiscard]] RequestKey key_of(const CarRequest& request);

}  // namespace daphnis

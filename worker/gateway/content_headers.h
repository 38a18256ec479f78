#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "common/http/http_parser.h"
#include "common/request/request_target.h"
#include "worker/gateway/answers.h"
#include "worker/gateway/byte_ranges.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/negotiation.h"

namespace daphnis::worker {

/// The Etag: quoted, and strong since the same request makes the same bytes. It is `"<cid>.raw"`
/// for a raw block and `"<root>.car.<part of the request's key>"` for a CAR, so that every variant
/// has its own.
[[nodiscard]] std::string etag_of(const CarRequest& request, const RequestKey& key);

/// The fields of a 200 (GATEWAY 1.2) that follow from the request. Reads `filename` of the query,
/// and refuses one that is too long or not UTF-8 with 400.
[[nodiscard]] std::expected<std::vector<http::Header>, http::Refusal> content_headers(
    const Content& content, const Variant& variant, const http::Target& target,
    const http::Query& query);

/// The fields of content.headers that a 304 repeats (RFC 9110 section 15.4.5).
[[nodiscard]] std::vector<http::Header> not_modified_headers(const Content& content);

/// A Content-Range field's value, such as "bytes 7-9/31".
[[nodiscard]] std::string content_range(const Part& part, uint64_t size);

/// The 416 for content of `size` bytes.
[[nodiscard]] Answer unsatisfiable(uint64_t size);

}  // namespace daphnis::worker

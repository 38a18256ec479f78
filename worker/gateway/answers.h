#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "common/http/http_writer.h"
#include "common/request/outcome.h"
#include "worker/gateway/response.h"

namespace daphnis::worker {

/// A whole answer that needs no content. A ResponseContext adds what only the moment knows.
struct Answer {
  int status = 200;
  /// A stable snake_case word, for logs and for the body of an error.
  std::string_view code = "ok";
  std::string_view detail = {};  ///< A sentence for the body of an error.
  std::vector<http::Header> headers = {};
  std::string body = {};  ///< The body where status < 400; an error's body is made from its code.
  uint32_t retry_after_s = 0;  ///< Seconds; 0 for no Retry-After field.
  bool is_last = false;        ///< No request should follow on this connection.
};

/// The answer to a request that ends so, where a client is told of that outcome (outcome.h).
/// `retry_after_s`, unless 0, replaces the table's value.
[[nodiscard]] Answer answer_for(Outcome outcome, uint32_t retry_after_s = 0);

/// The answer to input that the HTTP parser refused. The connection closes, since nobody knows
/// where the next request would begin.
[[nodiscard]] Answer answer_for_parser(const http::Refusal& refusal);

/// The answer to a request that parsed, but asks for something impossible.
[[nodiscard]] Answer answer_for(const http::Refusal& refusal);

/// Where an answer's content came from.
enum class CacheStatus : uint8_t {
  kNone,      ///< The request came to no look-up in the cache.
  kHit,       ///< A cached file.
  kMiss,      ///< No cached file; a fetch was begun for this request unless it forbade that.
  kFetching,  ///< A fetch that was under way already.
};
/// The status as the X-Cache field and the access line spell it; empty for kNone.
[[nodiscard]] std::string_view name_of(CacheStatus status);

/// The part of a response that only the moment knows. Its views must outlive the call that takes
/// it.
struct ResponseContext {
  std::string_view request_id;  ///< One to 64 characters of [A-Za-z0-9._-].
  std::string_view node_id;     ///< This edge's name; empty for no such field.
  std::string_view date;        ///< A text of http::http_date(); empty for no Date field.
  CacheStatus cache = CacheStatus::kNone;
  std::optional<uint64_t> age_s = {};   ///< Seconds since a hit was stored.
  std::string_view server_timing = {};  ///< A text of server_timing(); empty for no such field.
};

/// One duration for the Server-Timing field.
struct Timing {
  std::string_view name;  ///< A token of the field's grammar.
  uint64_t us;            ///< Microseconds.
};
/// Formats a Server-Timing field: "name;dur=1.234, …", in milliseconds.
[[nodiscard]] std::string server_timing(std::span<const Timing> timings);

/// The client's X-Request-Id where it is 1 to 64 of [A-Za-z0-9._-]; else nothing, and the worker
/// makes one.
[[nodiscard]] std::optional<std::string_view> client_request_id(const http::Head& head);

/// The lines of `headers`, written out once for many heads.
[[nodiscard]] http::FieldLines lines_of(std::span<const http::Header> headers);

/// Makes a response of `headers`, the context's fields and CORS. `length` is the body's, where it
/// is known.
[[nodiscard]] Response make_response(int status, const http::FieldLines& headers,
                                     const ResponseContext& context,
                                     std::optional<uint64_t> length);
/// Makes a whole response of an answer.
[[nodiscard]] Response make_response(const Answer& answer, const ResponseContext& context);

}  // namespace daphnis::worker

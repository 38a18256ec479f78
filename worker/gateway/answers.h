#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "common/http/http_writer.h"
#include "worker/base/failure_kind.h"

namespace daphnis::worker {

/// A whole answer that needs no content, but for what only the moment knows (ResponseContext).
struct Answer {
  int status = 200;
  std::string_view code = "ok";  ///< Stable snake_case; for logs, and for the body of an error.
  std::string_view detail = {};  ///< A sentence for the body of an error.
  std::vector<http::Header> headers = {};
  std::string body = {};       ///< Where status < 400; an error's body is made from its code.
  uint32_t retry_after_s = 0;  ///< 0: no Retry-After.
  bool must_close = false;     ///< The connection cannot go on after this.
};

/// The answer to a failure; `retry_after_s` other than 0 goes before the table's.
[[nodiscard]] Answer answer_for(FailureKind kind, uint32_t retry_after_s = 0);

/// The answer to what the HTTP parser refused: the connection closes, since where the next request
/// would begin is unknown.
[[nodiscard]] Answer answer_for_parser(const http::Refusal& refusal);

/// The answer to a request that parsed but asks for what cannot be.
[[nodiscard]] Answer answer_for(const http::Refusal& refusal);

/// Where an answer's content came from.
enum class CacheStatus : uint8_t {
  kNone,      ///< The answer has no content.
  kHit,       ///< A cached file.
  kMiss,      ///< A fetch that was begun for this request.
  kFetching,  ///< A fetch that was under way already.
};
/// The status as the X-Cache field and the access line spell it; empty for kNone.
[[nodiscard]] std::string_view name_of(CacheStatus status);

/// What only the moment knows of a response. Views must outlive the call they are passed to.
struct ResponseContext {
  std::string_view request_id;  ///< Of [A-Za-z0-9._-].
  std::string_view node_id;     ///< May be empty.
  std::string_view date;        ///< http::http_date(); empty: no Date.
  CacheStatus cache = CacheStatus::kNone;
  std::optional<uint64_t> age_s = {};   ///< Of a hit: since it was stored.
  std::string_view server_timing = {};  ///< server_timing(); empty: none.
  int minor = 1;                        ///< Of the request's HTTP version.
  bool keep_alive = true;               ///< The client's wish and ours.
  bool is_head = false;                 ///< HEAD: no body follows.
};

/// How the client tells where the body ends.
enum class Framing : uint8_t {
  kNone,     ///< No body follows.
  kLength,   ///< Content-Length.
  kChunked,  ///< http::ChunkHead round each piece, kLastChunk at a true end only.
  kToClose,  ///< HTTP/1.0: by close; an abort must be a reset.
};

/// A response's head, ready to send, and what must follow it.
struct ResponseHead {
  std::string text;
  int status = 200;
  Framing framing = Framing::kNone;
  bool keep_alive = true;    ///< The connection goes on after the body.
  uint64_t body_offset = 0;  ///< Into the content: not 0 for a raw block's range.
  uint64_t body_bytes = 0;   ///< With kLength; else 0.
};

/// All of an answer: head and, but for HEAD, 204 and 304, the body. `keep_alive` says whether the
/// connection goes on.
struct RenderedAnswer {
  std::string text;
  bool keep_alive = true;
};
[[nodiscard]] RenderedAnswer render(const Answer& answer, const ResponseContext& context);

/// One duration for Server-Timing.
struct Timing {
  std::string_view name;  ///< A token.
  uint64_t us;            ///< Microseconds.
};
/// "name;dur=1.234, …" (milliseconds).
[[nodiscard]] std::string server_timing(std::span<const Timing> timings);

/// The client's X-Request-Id where it is 1 to 64 of [A-Za-z0-9._-]; else nothing, and one is made.
[[nodiscard]] std::optional<std::string_view> client_request_id(const http::Head& head);

/// The lines of `headers`, as make_head() takes them.
[[nodiscard]] http::FieldLines lines_of(std::span<const http::Header> headers);

/// For gateway.cc: a head with `headers`, the context's and CORS, framed as said. With kLength and
/// HEAD, Content-Length is told and no body follows.
[[nodiscard]] ResponseHead make_head(int status, const http::FieldLines& headers,
                                     const ResponseContext& context,
                                     std::optional<uint64_t> length);

}  // namespace daphnis::worker

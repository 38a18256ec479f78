#include "worker/gateway/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/names.h"
#include "common/http/http_writer.h"

namespace daphnis::worker {
namespace {

constexpr size_t kFieldBytesUsual =
    2048;  ///< Most responses' fields fit without another allocation.

/// Returns `text` as the inside of a JSON string. Codes, details and request ids have nothing to
/// escape; the check finds a new one that does.
std::string_view as_json(std::string_view text) {
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  check(std::ranges::all_of(text, is_plain), "an error's text needs no JSON escapes");
  return text;
}

std::string error_body(const Answer& answer, std::string_view request_id) {
  return fmt::format("{{\"error\":\"{}\",\"code\":\"{}\",\"request_id\":\"{}\"}}\n",
                     as_json(answer.detail), as_json(answer.code), as_json(request_id));
}

/// The fields by which any site may read any answer (fetch specification, CORS; GATEWAY 1.8).
const http::FieldLines& cors() {
  static const http::FieldLines lines =
      http::FieldLines()
          .add("Access-Control-Allow-Origin", "*")
          .add("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
          .add("Access-Control-Allow-Headers",
               "Content-Type, Range, User-Agent, X-Requested-With, If-None-Match, Cache-Control, "
               "X-Request-Id")
          .add("Access-Control-Expose-Headers",
               "Content-Range, Content-Length, Content-Location, X-Ipfs-Path, X-Ipfs-Roots, "
               "X-Chunked-Output, X-Stream-Output, Etag, Server-Timing, Retry-After, "
               "X-Request-Id, X-Cache, Daphnis-Node-Id, Saturn-Node-Id, Saturn-Transfer-Id, "
               "Saturn-Cache-Status");
  return lines;
}

void add_context(http::FieldLines& fields, const ResponseContext& context) {
  if (!context.date.empty()) fields.add("Date", context.date);
  fields.add("Server", "daphnis");
  fields.add("X-Request-Id", context.request_id).add("Saturn-Transfer-Id", context.request_id);
  if (!context.node_id.empty()) {
    fields.add("Daphnis-Node-Id", context.node_id).add("Saturn-Node-Id", context.node_id);
  }
  if (context.cache != CacheStatus::kNone) {
    fields.add("X-Cache", name_of(context.cache))
        .add("Saturn-Cache-Status", name_of(context.cache));
  }
  if (context.age_s) fields.add("Age", *context.age_s);
  if (!context.server_timing.empty()) fields.add("Server-Timing", context.server_timing);
}

}  // namespace

std::string_view name_of(CacheStatus status) {
  switch (status) {
    case CacheStatus::kNone:
      return "";
    case CacheStatus::kHit:
      return "HIT";
    case CacheStatus::kMiss:
      return "MISS";
    case CacheStatus::kFetching:
      return "FETCHING";
  }
  abort_on_bug("a cache status has no name");
}

Answer answer_for(Outcome outcome, uint32_t retry_after_s) {
  const ClientRefusal& refusal = row_of(outcome).client;
  check(refusal.status > 0, "no client is told of this outcome");
  return {.status = refusal.status,
          .code = refusal.code,
          .detail = refusal.detail,
          .retry_after_s = retry_after_s > 0 ? retry_after_s : refusal.retry_after_s,
          .is_last = refusal.is_last};
}

Answer answer_for(const http::Refusal& refusal) {
  return {.status = refusal.status, .code = refusal.code, .detail = refusal.detail};
}

Answer answer_for_parser(const http::Refusal& refusal) {
  Answer answer = answer_for(refusal);
  answer.is_last = true;
  return answer;
}

http::FieldLines lines_of(std::span<const http::Header> headers) {
  http::FieldLines lines;
  for (const http::Header& header : headers) lines.add(header.name, header.value);
  return lines;
}

Response make_response(int status, const http::FieldLines& headers, const ResponseContext& context,
                       std::optional<uint64_t> length) {
  Response response{.status = status, .length = length};
  response.fields.reserve(kFieldBytesUsual).add(headers);
  add_context(response.fields, context);
  response.fields.add(cors());
  return response;
}

Response make_response(const Answer& answer, const ResponseContext& context) {
  const bool is_error = answer.status >= 400;
  std::string body = is_error ? error_body(answer, context.request_id) : answer.body;
  std::vector<http::Header> headers = answer.headers;
  if (is_error) {
    headers.push_back({"Content-Type", "application/json"});
    headers.push_back({"Cache-Control", "no-store"});
    headers.push_back({"X-Content-Type-Options", "nosniff"});
  }
  if (answer.retry_after_s > 0) {
    headers.push_back({"Retry-After", std::to_string(answer.retry_after_s)});
  }
  Response response = make_response(answer.status, lines_of(headers), context, body.size());
  response.body = std::move(body);
  response.is_last = answer.is_last;
  return response;
}

std::string server_timing(std::span<const Timing> timings) {
  std::string text;
  for (const Timing& timing : timings) {
    fmt::format_to(std::back_inserter(text), "{}{};dur={}.{:03}", text.empty() ? "" : ", ",
                   timing.name, timing.us / 1000, timing.us % 1000);
  }
  return text;
}

std::optional<std::string_view> client_request_id(const http::Head& head) {
  const std::string* id = head.find("x-request-id");
  if (!id || !is_name(*id)) return std::nullopt;
  return *id;
}

}  // namespace daphnis::worker

#include "worker/gateway/gateway.h"

#include <algorithm>
#include <array>
#include <expected>

#include "common/http/http_head.h"
#include "common/http/http_writer.h"
#include "common/ipld/car.h"
#include "common/ipld/hashes.h"
#include "common/request/request_fields.h"
#include "common/request/request_target.h"
#include "worker/gateway/content_headers.h"
#include "worker/gateway/negotiation.h"

namespace daphnis::worker {
namespace {

std::unexpected<http::Refusal> refuse(int status, std::string_view code, std::string_view detail) {
  return std::unexpected(http::Refusal{status, code, detail});
}

/// True where a field `name` has `member` in its comma-separated list.
bool has_member(const http::Head& head, std::string_view name, std::string_view member) {
  for (const http::Header& header : head.headers) {
    if (!http::equals_ignoring_case(header.name, name)) continue;
    for (std::string_view listed : http::list_members(header.value)) {
      if (http::equals_ignoring_case(listed, member)) return true;
    }
  }
  return false;
}

Answer options_answer() {
  Answer answer{.status = 204, .code = "options"};
  answer.headers.push_back({"Allow", "GET, HEAD, OPTIONS"});
  answer.headers.push_back({"Access-Control-Max-Age", "86400"});
  return answer;
}

Answer method_answer() {
  Answer answer{.status = 405, .code = "method_not_allowed", .detail = "use GET or HEAD"};
  answer.headers.push_back({"Allow", "GET, HEAD, OPTIONS"});
  return answer;
}

/// Reads dag-scope and entity-bytes of the query. A byte range without a scope means the entity,
/// and one with a scope other than entity is ignored. "0:*" means all bytes, so that both spellings
/// are one request.
std::expected<void, http::Refusal> read_scope(const http::Query& query, CarRequest& request) {
  const std::string* scope = query.find("dag-scope");
  const std::string* range = query.find("entity-bytes");
  if (query.is_repeated("dag-scope") || query.is_repeated("entity-bytes")) {
    return refuse(400, "repeated_parameter", "a query parameter comes more than once");
  }
  if (scope) {
    const auto parsed = parse_dag_scope(*scope);
    if (!parsed) return refuse(400, "bad_dag_scope", "dag-scope is block, entity or all");
    request.scope = *parsed;
  }
  if (!range) return {};
  const auto parsed = parse_entity_bytes(*range);
  if (!parsed) return refuse(400, "bad_entity_bytes", "entity-bytes is from:to, to may be *");
  if (!scope) request.scope = DagScope::kEntity;
  if (request.scope == DagScope::kEntity && *parsed != ByteRange{}) request.bytes = *parsed;
  return {};
}

/// Makes the canonical request of a parsed path and a negotiated format.
std::expected<CarRequest, http::Refusal> make_request(http::IpfsPath path, const Variant& variant,
                                                      const http::Query& query, Sha1 sha1) {
  CarRequest request{.root = path.root, .format = variant.format};
  if (!Hasher::can_verify(request.root, sha1)) {
    if (Hasher::can_verify(request.root, Sha1::kAllowed)) {
      return refuse(400, "sha1_refused", "the CID's hash is sha1, which can be forged");
    }
    return refuse(400, "hash_unsupported", "the CID's hash is not one this server can verify");
  }
  if (variant.format == AnswerFormat::kRaw) {
    if (!path.segments.empty()) {
      return refuse(400, "path_with_raw",
                    "a raw block is asked for by its own CID; use format=car");
    }
    request.scope = DagScope::kBlock;
    return request;
  }
  request.path = std::move(path.segments);
  request.dups = variant.dups;
  if (auto fine = read_scope(query, request); !fine) return std::unexpected(fine.error());
  return request;
}

enum class Comparison { kStrong, kWeak };

/// True where a field `name` lists `etag`, which is strong and quoted, or is "*".
bool lists_etag(const http::Head& head, std::string_view name, std::string_view etag,
                Comparison comparison) {
  for (const http::Header& header : head.headers) {
    if (!http::equals_ignoring_case(header.name, name)) continue;
    for (std::string_view listed : http::list_members(header.value)) {
      if (listed == "*" || listed == etag) return true;
      if (comparison == Comparison::kWeak && listed.starts_with("W/") && listed.substr(2) == etag) {
        return true;
      }
    }
  }
  return false;
}

/// The 412 or 304 that the request asks for, if it does. They need no I/O, since the Etag follows
/// from the request alone (RFC 9110 section 13.2.2).
std::optional<Answer> check_preconditions(const http::Head& head, const Content& content) {
  if (content.etag.empty()) return std::nullopt;
  if (head.find("if-match") && !lists_etag(head, "if-match", content.etag, Comparison::kStrong)) {
    return Answer{
        .status = 412, .code = "precondition_failed", .detail = "If-Match names other content"};
  }
  if (lists_etag(head, "if-none-match", content.etag, Comparison::kWeak)) {
    return Answer{.status = 304, .code = "not_modified", .headers = not_modified_headers(content)};
  }
  return std::nullopt;
}

/// The range that Range and If-Range ask for; they count for GET of a raw block only.
std::optional<RangeSpec> wanted_range(const http::Head& head, const Content& content) {
  const std::string* range = head.find("range");
  if (!range || content.is_head || content.request.format != AnswerFormat::kRaw) {
    return std::nullopt;
  }
  const std::string* condition = head.find("if-range");
  if (condition && *condition != content.etag) return std::nullopt;
  return parse_range(*range);
}

/// The answer that an identity CID holds itself, where its block has no links to follow. The probe
/// `bafkqaaa` is one such request, and must not depend on any other process.
std::optional<Answer> answer_from_cid(const http::Head& head, const Content& content) {
  const CarRequest& request = content.request;
  if (!request.root.is_identity()) return std::nullopt;
  Answer answer{.status = 200, .headers = content.headers};
  if (request.format == AnswerFormat::kRaw) {
    const std::string_view block = as_text(request.root.digest());
    const auto range = wanted_range(head, content);
    if (!range) {
      answer.body = block;
      return answer;
    }
    const auto part = part_of(*range, block.size());
    if (!part) return unsatisfiable(block.size());
    answer.status = 206;
    answer.headers.push_back({"Content-Range", content_range(*part, block.size())});
    answer.body = block.substr(part->offset, part->length);
    return answer;
  }
  const bool is_leaf = request.root.codec() == codec::kRaw;
  if (is_leaf && !request.path.empty()) return answer_for(Outcome::kPathNotFound);
  if (!is_leaf && (request.scope != DagScope::kBlock || !request.path.empty())) return std::nullopt;
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  const size_t size = write_car_header(request.root, header);
  answer.body = as_text(Bytes(header).first(size));
  return answer;
}

std::expected<Content, http::Refusal> read_request(const http::Head& head, Sha1 sha1) {
  const auto target = http::split_target(head.target);
  if (!target) return std::unexpected(target.error());
  auto path = http::parse_ipfs_path(target->path);
  if (!path) return std::unexpected(path.error());
  const auto query = http::Query::parse(target->query);
  if (!query) return std::unexpected(query.error());
  const std::string* script = head.find("service-worker");
  if (script && http::equals_ignoring_case(*script, "script")) {
    return refuse(400, "service_worker", "no service worker may be registered from here");
  }
  const auto variant = negotiate(head, *query);
  if (!variant) return std::unexpected(variant.error());
  if (query->is_repeated("filename")) {
    return refuse(400, "repeated_parameter", "a query parameter comes more than once");
  }
  auto request = make_request(std::move(*path), *variant, *query, sha1);
  if (!request) return std::unexpected(request.error());
  Content content{.request = std::move(*request), .is_head = head.method == "HEAD"};
  content.only_if_cached = has_member(head, "cache-control", "only-if-cached");
  content.key = key_of(content.request);
  if (!is_forgeable(content.request.root)) content.etag = etag_of(content.request, content.key);
  auto headers = content_headers(content, *variant, *target, *query);
  if (!headers) return std::unexpected(headers.error());
  content.headers = std::move(*headers);
  return content;
}

Response make_ok(const Content& content, const ResponseContext& context,
                 std::optional<uint64_t> length) {
  if (!content.lines.text().empty()) return make_response(200, content.lines, context, length);
  return make_response(200, lines_of(content.headers), context, length);
}

}  // namespace

Decision decide(const http::Head& head, Sha1 sha1, const Denylist* denylist) {
  if (head.method == "OPTIONS") return options_answer();
  if (head.method != "GET" && head.method != "HEAD") return method_answer();
  auto content = read_request(head, sha1);
  if (!content) return answer_for(content.error());
  const CarRequest& request = content->request;
  if (denylist) {
    const DenyVerdict verdict = denylist->judge(request.root, request.path);
    if (verdict.denial) return DeniedContent{*verdict.denial, request.root};
    content->is_excepted = verdict.is_excepted;
  }
  if (auto answer = check_preconditions(head, *content)) return std::move(*answer);
  if (auto answer = answer_from_cid(head, *content)) return std::move(*answer);
  content->range = wanted_range(head, *content);
  return std::move(*content);
}

std::string memo_key_of(const http::Head& head) {
  constexpr std::string_view kOtherFields[] = {"cache-control", "service-worker", "if-match",
                                               "if-none-match", "range",          "if-range"};
  std::string memo_key;
  if (head.target.size() > limits::kMemoBytesMax) return memo_key;
  memo_key.reserve(head.method.size() + head.target.size() + 64);
  memo_key.append(head.method).append(" ").append(head.target);
  for (const http::Header& header : head.headers) {
    const auto is_it = [&](std::string_view name) {
      return http::equals_ignoring_case(header.name, name);
    };
    if (is_it("accept")) memo_key.append("\n").append(header.value);
    if (memo_key.size() > limits::kMemoBytesMax || std::ranges::any_of(kOtherFields, is_it)) {
      return {};
    }
  }
  return memo_key;
}

CarRequest to_fetch(const Content& content) {
  const bool is_whole = !content.is_head || content.is_excepted;
  if (is_whole || content.request.format == AnswerFormat::kRaw) return content.request;
  return {.root = content.request.root, .scope = DagScope::kBlock};
}

Response car_response(const Content& content, const ResponseContext& context,
                      std::optional<uint64_t> length) {
  return make_ok(content, context, length);
}

Response raw_response(const Content& content, const ResponseContext& context,
                      uint64_t block_bytes) {
  if (!content.range) return make_ok(content, context, block_bytes);
  const auto part = part_of(*content.range, block_bytes);
  if (!part) return make_response(unsatisfiable(block_bytes), context);
  std::vector<http::Header> headers = content.headers;
  headers.push_back({"Content-Range", content_range(*part, block_bytes)});
  Response response = make_response(206, lines_of(headers), context, part->length);
  response.body_offset = part->offset;
  return response;
}

}  // namespace daphnis::worker

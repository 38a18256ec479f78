#include "l2/core/order.h"

#include <simdjson.h>

#include <charconv>
#include <utility>

#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/request/request_fields.h"
#include "common/request/request_target.h"
#include "common/request/skip.h"

namespace daphnis::l2 {
namespace {

using simdjson::dom::object;

/// A string field; empty where it is missing. Sets `is_wrong` where the field has another type.
std::string_view text_field(const object& line, const char* key, bool& is_wrong) {
  simdjson::dom::element element;
  if (line.at_key(key).get(element) != simdjson::SUCCESS || element.is_null()) return {};
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) is_wrong = true;
  return text;
}

bool parse_whole(std::string_view text, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

/// A count, as a number or as its decimal text. Sets `is_wrong` where the field is neither.
std::optional<uint64_t> count_field(const object& line, const char* key, bool& is_wrong) {
  simdjson::dom::element element;
  if (line.at_key(key).get(element) != simdjson::SUCCESS || element.is_null()) return {};
  uint64_t value = 0;
  if (element.get(value) == simdjson::SUCCESS) return value;
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS && parse_whole(text, value)) return value;
  is_wrong = true;
  return {};
}

/// Reads segments as in a URL: percent-encoded, with '/' between them; empty ones are left out.
bool read_path(std::string_view text, std::vector<std::string>& path) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('/'), text.size());
    if (end > 0) {
      std::string segment;
      if (!http::percent_decode(text.substr(0, end), segment)) return false;
      if (!is_path_segment(segment) || path.size() == limits::kPathSegmentsMax) return false;
      path.push_back(std::move(segment));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

/// The URL in `dataUrl`; nothing where that is no such URL, since the L1's own will do.
std::optional<L1Url> read_data_url(const object& line) {
  bool is_odd = false;
  const std::string_view text = text_field(line, "dataUrl", is_odd);
  if (text.empty() || text.size() > limits::kDataUrlBytesMax) return {};
  auto url = parse_l1_url(text);
  return url ? std::optional(std::move(*url)) : std::nullopt;
}

/// Reads `skip` and `next`.
bool read_skip(const object& line, Order& order) {
  bool is_wrong = false;
  order.skip = count_field(line, "skip", is_wrong).value_or(0);
  const std::string_view next = text_field(line, "next", is_wrong);
  if (is_wrong || order.skip > kSkipBlocksMax) return false;
  if (order.skip == 0 || next.empty()) return true;
  const auto cid = Cid::from_text(next);
  if (cid) order.next = *cid;
  return cid.has_value();
}

/// Reads all fields but the root, the id and the trace id. False: the L1 wants something that this
/// L2 does not understand.
bool read_wish(const object& line, Order& order) {
  bool is_wrong = false;
  CarRequest& request = order.request;
  const std::string_view scope = text_field(line, "dagScope", is_wrong);
  const std::string_view bytes = text_field(line, "entityBytes", is_wrong);
  const std::string_view dups = text_field(line, "dups", is_wrong);
  const std::string_view path = text_field(line, "path", is_wrong);
  order.deadline_ms = count_field(line, "deadlineMs", is_wrong);
  if (is_wrong || !read_path(path, request.path) || !read_skip(line, order)) return false;
  if (!scope.empty()) {
    const auto known = parse_dag_scope(scope);
    if (!known) return false;
    request.scope = *known;
  }
  if (!bytes.empty()) {
    request.bytes = parse_entity_bytes(bytes);
    if (!request.bytes) return false;
    if (scope.empty()) request.scope = DagScope::kEntity;
    if (request.scope != DagScope::kEntity) request.bytes.reset();  // An explicit scope wins.
  }
  if (!dups.empty() && dups != "y" && dups != "n") return false;
  request.dups = dups == "y";
  return true;
}

}  // namespace

struct OrderReader::State {
  simdjson::dom::parser parser{limits::kOrderLineBytesMax + 1};
};

OrderReader::OrderReader() : state_(std::make_unique<State>()) {}
OrderReader::~OrderReader() = default;
OrderReader::OrderReader(OrderReader&&) noexcept = default;
OrderReader& OrderReader::operator=(OrderReader&&) noexcept = default;

std::optional<Order> OrderReader::read(std::string_view line) {
  object fields;
  if (state_->parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS) return {};
  bool is_wrong = false;
  const auto id = parse_uuid(text_field(fields, "requestId", is_wrong));
  std::string_view root_text = text_field(fields, "root", is_wrong);
  if (root_text.empty()) root_text = text_field(fields, "cid", is_wrong);
  const auto root = Cid::from_text(root_text);
  if (is_wrong || !id || !root) return {};
  Order order{.request_id = *id, .request = {.root = *root}};
  bool is_odd = false;
  const std::string_view trace = text_field(fields, "traceId", is_odd);
  if (is_name(trace)) order.trace_id = trace;
  order.data_url = read_data_url(fields);
  order.is_understood = read_wish(fields, order);
  return order;
}

std::optional<Uuid> OrderReader::read_cancel(std::string_view line) {
  object fields;
  if (state_->parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS) return {};
  bool is_wrong = false;
  return parse_uuid(text_field(fields, "cancel", is_wrong));
}

std::optional<Notice> OrderReader::read_notice(std::string_view line) {
  object fields;
  if (state_->parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS) return {};
  bool is_odd = false;
  const std::string_view what = text_field(fields, "notice", is_odd);
  if (!is_name(what)) return {};
  Notice notice{.notice = std::string(what)};
  const std::string_view reason = text_field(fields, "reason", is_odd);
  if (is_name(reason)) notice.reason = reason;
  notice.for_ms = count_field(fields, "forMs", is_odd).value_or(0);
  return notice;
}

std::optional<std::string> OrderReader::read_token(std::string_view line) {
  object fields;
  if (state_->parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS) return {};
  std::string_view token;
  if (fields.at_key("token").get(token) != simdjson::SUCCESS) return {};
  return std::string(token);
}

}  // namespace daphnis::l2

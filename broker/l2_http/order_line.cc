#include "broker/l2_http/order_line.h"

#include <fmt/format.h>

#include <iterator>

#include "common/base/check.h"
#include "common/request/request_fields.h"
#include "common/request/request_target.h"

namespace daphnis::broker {
namespace {

void append_path(std::string& out, const std::vector<std::string>& path) {
  bool is_first = true;
  for (const std::string& segment : path) {
    if (!is_first) out.push_back('/');
    is_first = false;
    out.append(http::percent_encode(segment));
  }
}

void append_wish(std::string& out, const Order& order) {
  const CarRequest& request = order.request;
  out += R"(,"path":")";
  append_path(out, request.path);
  fmt::format_to(std::back_inserter(out), R"(","dagScope":"{}")", name(request.scope));
  if (request.bytes) {
    fmt::format_to(std::back_inserter(out), R"(,"entityBytes":"{}:)", request.bytes->from);
    out += request.bytes->to ? std::to_string(*request.bytes->to) : "*";
    out.push_back('"');
  }
  fmt::format_to(std::back_inserter(out), R"(,"dups":"{}","deadlineMs":{})",
                 request.dups ? 'y' : 'n', order.left_ms);
  if (!order.data_url.empty()) out.append(R"(,"dataUrl":")").append(order.data_url).push_back('"');
  if (order.skip == 0) return;
  const Result<Cid> next = Cid::from_bytes(order.next);
  check(next.has_value(), "an order skips blocks and does not say which one is due");
  fmt::format_to(std::back_inserter(out), R"(,"skip":"{}","next":"{}")", order.skip, next->text());
}

}  // namespace

std::string order_line(const Order& order, const Capabilities& capabilities) {
  std::string out;
  out.reserve(320);
  const std::string root = order.request.root.text();
  out.append(R"({"requestId":")").append(text_of(order.attempt_id));
  out.append(R"(","root":")").append(root).append(R"(","cid":")").append(root);
  out.append(R"(","traceId":")").append(order.trace_id).push_back('"');
  if (capabilities.reads_whole_requests) append_wish(out, order);
  out += "}\n";
  return out;
}

std::string cancel_line(const Uuid& attempt_id) {
  return R"({"cancel":")" + text_of(attempt_id) + "\"}\n";
}

std::string notice_line(const Ejection& ejection) {
  return fmt::format(R"({{"notice":"ejected","reason":"{}","forMs":{}}})"
                     "\n",
                     name(ejection.reason), ejection.for_ms);
}

std::string contested_line(std::string_view reason) {
  return fmt::format(R"({{"notice":"contested","reason":"{}"}})"
                     "\n",
                     reason);
}

std::string token_line(std::string_view token) {
  return fmt::format(R"({{"token":"{}"}})"
                     "\n",
                     token);
}

}  // namespace daphnis::broker

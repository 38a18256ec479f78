#include "broker/registry/order_line.h"

#include <fmt/format.h>

#include <iterator>

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

std::string_view name_of(DagScope scope) {
  switch (scope) {
    case DagScope::kBlock:
      return "block";
    case DagScope::kEntity:
      return "entity";
    case DagScope::kAll:
      return "all";
  }
  return "all";
}

void append_wish(std::string& out, const CarRequest& request, uint64_t deadline_ms) {
  out += R"(,"path":")";
  append_path(out, request.path);
  fmt::format_to(std::back_inserter(out), R"(","dagScope":"{}")", name_of(request.scope));
  if (request.bytes) {
    fmt::format_to(std::back_inserter(out), R"(,"entityBytes":"{}:)", request.bytes->from);
    out += request.bytes->to ? std::to_string(*request.bytes->to) : "*";
    out.push_back('"');
  }
  fmt::format_to(std::back_inserter(out), R"(,"dups":"{}","deadlineMs":{})",
                 request.dups ? 'y' : 'n', deadline_ms);
}

}  // namespace

std::string order_line(const Uuid& attempt_id, const CarRequest& request, std::string_view trace_id,
                       uint64_t deadline_ms, const Capabilities& capabilities) {
  std::string out;
  out.reserve(320);
  const std::string root = request.root.text();
  out.append(R"({"requestId":")").append(text_of(attempt_id));
  out.append(R"(","root":")").append(root).append(R"(","cid":")").append(root);
  out.append(R"(","traceId":")").append(trace_id).push_back('"');
  if (capabilities.reads_whole_requests) append_wish(out, request, deadline_ms);
  out += "}\n";
  return out;
}

}  // namespace daphnis::broker

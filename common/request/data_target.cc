#include "common/request/data_target.h"

#include <algorithm>

namespace daphnis {

std::optional<std::string_view> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(field.find('='), field.size());
    if (field.substr(0, equals) == name) {
      return field.substr(std::min(equals + 1, field.size()));
    }
  }
  return std::nullopt;
}

std::expected<DataTarget, BadTarget> read_data_target(const http::Head& head) {
  if (head.method != "POST" && head.method != "PUT") {
    return std::unexpected(BadTarget{405, "method_not_allowed", "send CARs by POST or PUT"});
  }
  std::string_view rest = head.target;
  const size_t mark = std::min(rest.find('?'), rest.size());
  std::optional<std::string_view> id_text =
      query_value(rest.substr(std::min(mark + 1, rest.size())), "requestId");
  rest = rest.substr(0, mark);
  rest.remove_prefix(kDataPath.size());
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    id_text = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  DataTarget target;
  const auto root = Cid::from_text(rest);
  if (!root) return std::unexpected(BadTarget{400, "bad_cid", "the path is /data/<cid>"});
  target.root = *root;
  if (id_text) {
    target.attempt_id = parse_uuid(*id_text);
    if (!target.attempt_id) {
      return std::unexpected(BadTarget{400, "bad_request_id", "the request id is a UUID"});
    }
  }
  if (const std::string* what = head.find(kNotFoundHeader)) {
    target.not_found = read_not_found(*what);
  }
  target.acknowledges_cancel = head.find(kCancelledHeader) != nullptr;
  return target;
}

}  // namespace daphnis

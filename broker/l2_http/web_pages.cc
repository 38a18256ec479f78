#include "broker/l2_http/web_pages.h"

#include <algorithm>

#include "common/http/http_head.h"

namespace daphnis::broker {

namespace {

bool is_listed(const std::string& origin, const std::vector<std::string>& origins) {
  return std::ranges::any_of(origins, [&](const std::string& listed) {
    return http::equals_ignoring_case(listed, origin);
  });
}

}  // namespace

bool is_from_web_page(const http::Head& head, const std::vector<std::string>& origins) {
  bool has_origin = false;
  bool is_of_page = false;
  for (const http::Header& field : head.headers) {
    if (http::equals_ignoring_case(field.name, "Origin")) {
      has_origin = true;
      if (!is_listed(field.value, origins)) return true;
    } else if (http::equals_ignoring_case(field.name, "Sec-Fetch-Site")) {
      is_of_page = is_of_page || (field.value != "none" && field.value != "same-origin");
    }
  }
  return is_of_page && !has_origin;
}

bool is_from_browser(const http::Head& head, const std::vector<std::string>& origins) {
  const std::string* agent = head.find("user-agent");
  const std::string* origin = head.find("origin");
  return agent && agent->starts_with("Mozilla/") && !(origin && is_listed(*origin, origins));
}

bool is_origin(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view host = text.substr(colon + 3);
  return !host.empty() && host.find_first_of("/?#@* ,") == std::string_view::npos;
}

}  // namespace daphnis::broker

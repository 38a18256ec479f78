#include "broker/core/web_pages.h"

#include <algorithm>

#include "common/core/http_head.h"

namespace daphnis::broker {

bool is_from_web_page(const http::Head& head, const std::vector<std::string>& origins) {
  bool has_origin = false;
  bool is_of_page = false;
  for (const http::Header& field : head.headers) {
    if (http::equals_ignoring_case(field.name, "Origin")) {
      has_origin = true;
      const bool is_listed = std::ranges::any_of(origins, [&](const std::string& origin) {
        return http::equals_ignoring_case(origin, field.value);
      });
      if (!is_listed) return true;
    } else if (http::equals_ignoring_case(field.name, "Sec-Fetch-Site")) {
      is_of_page = is_of_page || (field.value != "none" && field.value != "same-origin");
    }
  }
  return is_of_page && !has_origin;
}

bool is_origin(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view host = text.substr(colon + 3);
  return !host.empty() && host.find_first_of("/?#@* ,") == std::string_view::npos;
}

}  // namespace daphnis::broker

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"

namespace daphnis::broker {

/// True where a browser sent the request for a web page that is not of `origins`: the head has an
/// Origin (RFC 6454 section 7) that is not listed, or, without any Origin, its Sec-Fetch-Site (W3C
/// Fetch Metadata, section 2.3) names another site or origin. L2s and curl send neither field.
[[nodiscard]] bool is_from_web_page(const http::Head& head,
                                    const std::vector<std::string>& origins = {});

/// True where a browser sent the request without an origin of `origins`: its User-Agent begins with
/// "Mozilla/", as every browser's does. This catches the GET of an image, a frame or a no-cors
/// fetch: it has no Origin, and over plain HTTP to any host but loopback no Fetch Metadata either
/// (W3C Fetch Metadata section 2: only potentially trustworthy URLs get them). A page cannot change
/// the User-Agent of such a request.
[[nodiscard]] bool is_from_browser(const http::Head& head,
                                   const std::vector<std::string>& origins = {});

/// True for a text that may be in `origins`: scheme://host[:port], without a path. The origin
/// "null" may not, since any page can have it.
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace daphnis::broker

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"

namespace daphnis::broker {

/// True where a browser sent this on behalf of a web page that is not of `origins`: it has an
/// Origin (RFC 6454 section 7), or its Sec-Fetch-Site (W3C Fetch Metadata, section 2.3) says that
/// a page of another site or origin asked. L2s and curl send neither. Any one Origin that is not
/// listed is enough.
[[nodiscard]] bool is_from_web_page(const http::Head& head,
                                    const std::vector<std::string>& origins = {});

/// True where a browser sent this and names no origin of `origins`: its User-Agent begins with
/// "Mozilla/", as every browser's does. An image, a frame or a fetch of mode no-cors makes a
/// browser send a GET without an Origin, and over plain HTTP to any host but loopback without Fetch
/// Metadata too (those go to potentially trustworthy URLs alone, W3C Fetch Metadata section 2); its
/// User-Agent, a page cannot change there.
[[nodiscard]] bool is_from_browser(const http::Head& head,
                                   const std::vector<std::string>& origins = {});

/// True for what may be listed: scheme://host[:port], without a path. "null" may not, since any
/// page can have that origin.
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace daphnis::broker

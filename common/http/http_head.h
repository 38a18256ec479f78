#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "common/http/http_scanner.h"

namespace daphnis::http {

/// Compares ASCII without case (RFC 9110 section 5.1); other bytes must be the same.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

/// `text` without the spaces and tabs at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The members of a comma-separated list (RFC 9110 section 5.6.1), trimmed, empty ones left out.
/// Commas inside quoted strings do not split. The views live as long as `list`.
[[nodiscard]] std::vector<std::string_view> list_members(std::string_view list);

/// The host in a Host field's value, without its port; brackets of an IPv6 address stay (RFC 9110
/// section 7.2).
[[nodiscard]] std::string_view uri_host(std::string_view host_field);

/// Builds a Head from what the scanner found in `raw` and decides the framing, or refuses: versions
/// (505), Host (RFC 9112 section 3.2), Content-Length and Transfer-Encoding (RFC 9112 section 6).
[[nodiscard]] std::expected<Head, Refusal> make_request_head(std::string_view raw,
                                                             const HeadScanner& scanner);
[[nodiscard]] std::expected<Head, Refusal> make_response_head(std::string_view raw,
                                                              const HeadScanner& scanner);

/// True for fields that must not come as trailers since they frame or route the message
/// (RFC 9110 section 6.5.1).
[[nodiscard]] bool is_forbidden_trailer(std::string_view name);

}  // namespace daphnis::http

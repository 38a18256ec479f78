#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daphnis::http {

/// Whether a connection goes on after a reply.
enum class Connection : uint8_t { kKeep, kClose };

/// A whole HTTP response with a one-line JSON body {"code":…,"detail":…}. `code` and `detail` must
/// be plain text without quotes. A 503 has a Retry-After.
[[nodiscard]] std::string reply(int status, std::string_view code, std::string_view detail,
                                Connection connection, uint32_t retry_after_s);
/// A whole 200 with this JSON line (given without line end) as its body. It keeps the connection.
[[nodiscard]] std::string reply_ok(std::string_view json);

}  // namespace daphnis::http

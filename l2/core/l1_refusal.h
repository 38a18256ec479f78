#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daphnis::l2 {

/// What an L1's reply says when the L1 refuses a request.
struct L1Refusal {
  int status = 0;  ///< 0: there was no reply.
  std::optional<uint64_t> retry_after_ms = {};
  std::string code = {};    ///< Stable, snake_case; empty where the reply has none.
  std::string detail = {};  ///< A sentence for people; empty where the reply has none.
};

/// Reads a reply's status and the beginning of its body: a JSON object with "code" and "detail" (or
/// "error", as L1s name it towards clients). Any other body is ignored.
[[nodiscard]] L1Refusal read_refusal(int status, std::optional<uint64_t> retry_after_ms,
                                     std::string_view body);

/// True where the refusal says that another connection has this L2's id.
[[nodiscard]] bool is_id_contested(const L1Refusal& refusal);
/// True where the reason that ended a registration says that.
[[nodiscard]] bool is_id_contested(std::string_view end_reason);

/// True where the refusal says that the token which was shown is not good.
[[nodiscard]] bool is_token_bad(const L1Refusal& refusal);

/// What the owner of this L2 can do about a refused registration; empty where only waiting helps.
[[nodiscard]] std::string_view advice_for(const L1Refusal& refusal);
/// What the owner can do about the reason that ended a registration; empty where only waiting
/// helps.
[[nodiscard]] std::string_view advice_for(std::string_view end_reason);

}  // namespace daphnis::l2

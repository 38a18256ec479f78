#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daphnis::l2 {

/// What an L1 says when it does not do what it was asked.
struct L1Refusal {
  int status = 0;  ///< 0: there was no answer.
  std::optional<uint64_t> retry_after_ms = {};
  std::string code = {};    ///< Stable, snake_case; empty where it says none.
  std::string detail = {};  ///< A sentence for people; likewise.
};

/// From an answer's status and the beginning of its body: a JSON object with "code" and "detail"
/// (or "error", as L1s name it towards clients); any other body tells nothing.
[[nodiscard]] L1Refusal read_refusal(int status, std::optional<uint64_t> retry_after_ms,
                                     std::string_view body);

/// True where it says that another connection has this L2's id.
[[nodiscard]] bool is_id_contested(const L1Refusal& refusal);
/// Likewise for the reason that ends a registration.
[[nodiscard]] bool is_id_contested(std::string_view end_reason);

/// What whoever runs this L2 can do about a refused registration; empty where that is nothing but
/// to wait.
[[nodiscard]] std::string_view advice_for(const L1Refusal& refusal);
/// Likewise for the reason that ends a registration.
[[nodiscard]] std::string_view advice_for(std::string_view end_reason);

}  // namespace daphnis::l2

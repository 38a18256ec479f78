#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/limits.h"
#include "common/proof/walk_budget.h"

namespace daphnis::worker {

/// What an operator can set, with its defaults. Fixed at start; owned by main. Times are
/// milliseconds.
struct Settings {
  uint64_t client_head_ms = 10'000;         ///< From a request's first byte to its last.
  uint64_t client_idle_ms = 60'000;         ///< Between requests.
  uint64_t client_rate_window_ms = 60'000;  ///< Over which a reading client's rate is taken.
  uint64_t client_rate_min = 512;           ///< Bytes per second; slower ones are cut off.
  uint64_t l2_first_block_ms = 10'000;      ///< From the hand-off to the first proven block.
  uint64_t l2_idle_ms = 30'000;             ///< Without a byte, while we are reading.
  uint64_t l2_rate_window_ms = 30'000;      ///< Over which an L2's rate is taken.
  uint64_t l2_rate_min = 1'024;             ///< Bytes per second while we are reading.
  uint64_t request_ms = 30'000;             ///< To the first proven block, over all attempts.
  uint64_t broker_wait_ms = 2'000;          ///< A request waits so long for a broker that is away.
  uint64_t drain_ms = 29'000;               ///< From the order to leave to leaving.
  uint64_t drain_idle_ms = 2'000;           ///< Meanwhile, without a request: closed.
  size_t requests_max = 4'096;              ///< In flight; beyond: 503 at once.
  size_t clients_max = 16'384;              ///< Connections; beyond: closed as they come.
  size_t output_high_bytes = 1 * limits::kMiB;  ///< A client's queue; the low mark is half of it.
  /// Proven bytes a fetch holds for who comes late or is slow.
  size_t fetch_window_bytes = limits::kFetchWindowBytesMax;
  WalkBudget budget = {};
};

}  // namespace daphnis::worker

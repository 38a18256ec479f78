#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/timers.h"
#include "common/base/uuid.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

/// One worker's wish for one CAR. Owned by the dispatcher; lives from Fetch to FetchFailed, to the
/// AttemptEnded that wants no other, to CancelFetch, or to the worker's end.
struct Fetch {
  enum class State : uint8_t {
    kChoosing,   ///< Between two candidates; only during one input.
    kWaiting,    ///< In `l2`'s queue for a free place.
    kOrdered,    ///< `attempt` is out to `l2`.
    kStreaming,  ///< `attempt`'s socket was handed off; the worker reads.
  };

  FetchNo no{};
  WorkerId worker{};
  WorkerFetchId worker_fetch_id{};
  CarRequest request;
  std::string trace_id;
  uint64_t key = 0;  ///< Of the root's multihash.
  RequestKey request_key{};
  uint64_t deadline_ms = 0;
  uint64_t patience_ms = 0;  ///< The deadline's distance from the start.
  TimerSlot timer;

  State state = State::kChoosing;
  L2No l2{};
  Uuid attempt{};
  /// At most Settings::candidates_max, distinct but for those asked again.
  std::vector<L2No> asked;
  /// L2s in whose name an answer came without an id, which may be a stranger's, and did not settle
  /// the matter. Each is asked once more after all others, for an answer with the id.
  std::vector<L2No> delivered_for;
  size_t asked_again = 0;  ///< How many of these were, from the first on.
  uint32_t unheard = 0;    ///< How many of these have not answered with an id.
  // What the asked ones said; they decide the final status.
  uint32_t silent = 0;
  uint32_t failed = 0;
  uint32_t not_found = 0;
  uint32_t lost = 0;  ///< Their answers came, and we had no place or no descriptor for them.

  [[nodiscard]] uint32_t tries() const { return silent + failed + lost; }
  /// Nothing but the root block is wanted (of a v2 L2; others are asked for the whole DAG).
  [[nodiscard]] bool asks_root_alone() const {
    return request.path.empty() &&
           (request.format == AnswerFormat::kRaw || request.scope == DagScope::kBlock);
  }
};

}  // namespace daphnis::broker

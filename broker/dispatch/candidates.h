#pragma once

#include "broker/dispatch/fetch.h"
#include "broker/registry/registrations.h"

namespace daphnis::broker {

/// Whom to ask next.
struct Choice {
  L2* l2 = nullptr;        ///< Null: nobody (left).
  bool must_wait = false;  ///< All that are left have no free place; `l2` has room in its queue.
  bool is_behind = false;  ///< With must_wait: `l2` does not take what it was sent (L2::is_behind).
  bool is_crowded = false;  ///< With no L2: some are left, but their queues are full.
};

/// DESIGN 2 step 8: holders first, then the ring clockwise from the root's key, never one twice. An
/// L2 without a free place is passed over for one that has one, but a holder is worth waiting for:
/// the others only might have the content. L2s that lied lately come after all others, and
/// those that do not take what they were sent after these.
[[nodiscard]] Choice choose_candidate(const Fetch& fetch, Registrations& registrations,
                                      size_t candidates_max, uint64_t now_ms);

/// This L2, whether it was asked or not.
[[nodiscard]] Choice choose_again(const Fetch& fetch, Registrations& registrations, L2No no,
                                  uint64_t now_ms);

}  // namespace daphnis::broker

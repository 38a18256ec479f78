#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/timers.h"
#include "broker/choosing/past_sources.h"
#include "broker/dispatch/tries.h"
#include "common/base/network.h"
#include "common/base/uuid.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

class Attempt;

/// One worker's fetch of one CAR. Owned by the dispatcher; lives from the Fetch message to
/// FetchFailed, to an AttemptEnded that wants no other attempt, to CancelFetch, or to the worker's
/// end. Where a worker's fetch yields (Outcome::kYielded), what it asks for later is another one.
struct Fetch {
  FetchNo no{};
  WorkerId worker{};
  WorkerFetchId worker_fetch_id{};
  CarRequest request;
  std::string trace_id;
  bool is_alone = false;  ///< Its one reader is slow, so that its output is of no use to others.
  Network client{};  ///< Of the client that it was begun for; 0: nobody knows, or there is none.
  bool is_from_start = false;  ///< None of its output was there when it began.
  uint64_t key = 0;            ///< The hash of the root's multihash.
  RequestKey request_key{};
  uint64_t deadline_ms = 0;
  uint64_t patience_ms = 0;  ///< The deadline's distance from the start.
  ipc::Resume resume;        ///< Where its output has come to, as its worker said last.

  /// The L2 in whose queue it is for a free place; only while no attempt is under way.
  std::optional<L2No> waits_for;
  uint64_t wait_until_ms = 0;  ///< When that wait ends it.
  /// Nobody is left to ask, and it waits for one of its past sources to register again.
  bool awaits_holder = false;
  TimerSlot timer;  ///< Of either wait.
  /// Under way, oldest first; at most kAttemptsAtOnceMax. Each takes itself out at its end.
  std::vector<Attempt*> attempts;
  Uuid last_attempt{};         ///< Nil: there was none.
  L2No last_l2{};              ///< That it was ordered from or waited for.
  uint64_t last_order_ms = 0;  ///< When its last order was given.
  std::vector<L2No> asked;     ///< Distinct; at most Settings::candidates_max, and `descents`.
  uint32_t orders = 0;         ///< The L2s asked, those that were asked again included.
  PastSources past_sources;
  /// Its worker wants another source after proven blocks; or the first one, for a part of an
  /// output that began with an earlier fetch.
  bool is_in_mid_answer = false;
  bool was_handed_off = false;  ///< The POST of an L2 was handed off for it.
  bool was_carried_on = false;  ///< It has got another source after proven blocks.
  /// L2s in whose name a delivery without an id came to nothing; anybody may have sent it. Each
  /// is asked once more after all others, and then its delivery must have the id.
  std::vector<L2No> delivered_for;
  std::vector<L2No> to_ask_again;  ///< Those of these that were not asked once more yet.
  std::vector<L2No> unheard;       ///< Those of these without a delivery that has the id.
  /// L2s that send just what is asked for come first, since a whole DAG was of no use, or would
  /// begin with what is out already.
  bool prefers_exact = false;
  /// An L2 has announced its root, or proven it or a block that links to it.
  bool is_known = false;
  uint32_t descents = 0;           ///< L2s chosen since they proved such a block.
  uint32_t completes = 0;          ///< L2s chosen though they had announced all that they have.
  std::vector<Network> strangers;  ///< The networks of the strangers chosen, in that order.
  uint32_t claimants = 0;          ///< Of these strangers, those that had announced the root.
  // How many L2s ended how; these counts decide the final status.
  uint32_t silent = 0;
  uint32_t silent_legacy = 0;  ///< Of these, legacy L2s that no POST came from.
  uint32_t failed = 0;
  uint32_t not_found = 0;
  uint32_t lost = 0;      ///< Deliveries for which this edge had no place or descriptor.
  uint32_t unusable = 0;  ///< Whole DAGs out of which the worker could not pick what was asked for.
  uint32_t said_not_found = 0;  ///< Of not_found, those that said so to the broker.
  uint32_t said_no_root = 0;    ///< Of these, those that lack the root.
  bool was_queued = false;      ///< It has waited for a place at an L2.
  bool was_over_bound = false;  ///< Too many orders for its client have come to nothing.
  bool was_absent = false;      ///< When it began, it was remembered not to be there.
  Tries tries;

  /// An L2 was asked, or waited for in vain.
  void note_asked(L2No l2) {
    ++orders;
    if (!was_asked(l2)) asked.push_back(l2);
  }
  [[nodiscard]] bool was_asked(L2No l2) const {
    return std::ranges::find(asked, l2) != asked.end();
  }
  [[nodiscard]] bool were_all_asked(std::span<const L2No> l2s) const {
    return std::ranges::all_of(l2s, [&](L2No l2) { return was_asked(l2); });
  }
  /// True where an L2 that reads whole requests is asked for the root block alone; others are asked
  /// for the whole DAG.
  [[nodiscard]] bool asks_root_alone() const {
    return request.path.empty() &&
           (request.format == AnswerFormat::kRaw || request.scope == DagScope::kBlock);
  }
};

}  // namespace daphnis::broker

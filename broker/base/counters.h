#pragma once

#include <array>
#include <cstdint>

#include "broker/auth/l2_auth.h"
#include "broker/base/histogram.h"
#include "common/ipc/ipc_outcomes.h"

namespace daphnis::broker {

/// One count for each outcome of a list of ipc_outcomes.h.
template <const auto& kList>
class OutcomeCounts {
 public:
  [[nodiscard]] uint64_t& operator[](Outcome of) { return counts_[ipc::place_in(kList, of)]; }
  [[nodiscard]] uint64_t operator[](Outcome of) const { return counts_[ipc::place_in(kList, of)]; }
  [[nodiscard]] auto begin() const { return counts_.begin(); }
  [[nodiscard]] auto end() const { return counts_.end(); }

 private:
  std::array<uint64_t, kList.size()> counts_ = {};
};

/// Counts of what has happened since the broker's start: they only grow. Owned by the broker; every
/// part counts here. What a field counts is said where broker/admin/metrics.cc makes it a metric;
/// a unit test sees that each is one. The comments here say only what goes beyond that.
struct Counters {
  // Fetches that workers asked for.
  uint64_t fetches = 0;
  uint64_t fetches_served = 0;
  uint64_t fetches_cancelled = 0;  ///< Cancelled by the worker, or ended with it.
  uint64_t fetches_given_up = 0;   ///< A stream failed and the worker wanted no other L2.
  uint64_t fetches_yielded = 0;
  OutcomeCounts<ipc::kFetchOutcomes> fetches_failed;
  uint64_t queues_full = 0;  ///< Fetches for which each L2 left had kL2QueueMax waiting.
  uint64_t queue_waits_refused = 0;
  uint64_t fetches_queued = 0;
  uint64_t fetches_carried_on = 0;
  uint64_t holders_asked_again = 0;
  uint64_t holders_awaited = 0;
  uint64_t orders_given_up = 0;
  uint64_t places_expired = 0;  ///< By kGivenUpPlaceMs.
  uint64_t places_wanted = 0;
  uint64_t bounded_load_passed_over = 0;
  uint64_t slow_start_passed_over = 0;
  uint64_t fetches_shed = 0;       ///< At Settings::fetches_max, or since the broker is too busy.
  uint64_t fetches_shed_busy = 0;  ///< Those for which it was too busy (BusyLimit).
  // What is not there. With RuleMode::kObserve hits and refusals are counted and not made.
  uint64_t absences_said = 0;
  uint64_t absences_concluded = 0;
  uint64_t absences_proven = 0;
  uint64_t absence_hits = 0;
  uint64_t absence_hits_proven = 0;
  uint64_t absences_announced = 0;
  uint64_t absences_linked = 0;
  uint64_t absences_outdated = 0;
  uint64_t absences_wrong = 0;
  uint64_t absences_dropped = 0;  ///< At kAbsencesMax or kMissingPathsMax.
  uint64_t orders_fruitless = 0;
  uint64_t fruitless_refused = 0;
  uint64_t fruitless_refused_in_all = 0;  ///< Of these, since all clients had too many.
  // Attempts, by how they ended.
  uint64_t attempts = 0;
  uint64_t attempts_beside = 0;
  uint64_t attempts_first_hit = 0;
  uint64_t not_found = 0;
  uint64_t silent = 0;
  uint64_t l2_lost = 0;
  OutcomeCounts<ipc::kAttemptOutcomes> outcomes;  ///< As workers reported them.
  // Hedging (DESIGN 6).
  uint64_t hedges = 0;
  uint64_t hedges_won = 0;
  uint64_t hedges_uncharged = 0;
  uint64_t hedges_over_budget = 0;
  uint64_t hedges_overloaded = 0;
  uint64_t slow_passed_over = 0;
  uint64_t slow_probed = 0;
  // Descent (DESIGN 6).
  uint64_t descent_learnt = 0;
  uint64_t descent_hits = 0;
  uint64_t descent_struck = 0;
  uint64_t silences_not_found = 0;
  // POSTs.
  uint64_t handoffs = 0;
  uint64_t handoffs_refused = 0;  ///< POSTs refused since kHandoffsAwaitingMax was reached.
  uint64_t sockets_returned = 0;
  uint64_t sockets_lost = 0;           ///< ReturnSockets that came without their own socket.
  uint64_t deliveries_wrong_root = 0;  ///< 400
  uint64_t deliveries_unknown = 0;     ///< 404
  uint64_t deliveries_late = 0;        ///< 410
  uint64_t deliveries_read_out = 0;    ///< Of these, read to their end.
  uint64_t deliveries_double = 0;      ///< 409
  uint64_t deliveries_malformed = 0;   ///< 400: there is no id, and none can be told.
  uint64_t deliveries_in_clear = 0;    ///< 403: they had to come over TLS.
  uint64_t deliveries_of_others = 0;   ///< 403: their certificate is not that of the L2 asked.
  uint64_t deliveries_without_id = 0;
  uint64_t direct_sockets = 0;     ///< Connections passed on to the worker that they ask for.
  uint64_t deliveries_direct = 0;  ///< CARs that L2s have begun to send to a worker itself.
  uint64_t web_pages_refused = 0;  ///< 403: a web page made a browser send the request.
  uint64_t car_bytes_through_broker = 0;
  uint64_t drained_bytes = 0;  ///< Of CARs, after an early reply (DESIGN 4a).
  // Registrations.
  uint64_t registrations = 0;
  uint64_t registrations_refused = 0;
  uint64_t registrations_shed = 0;  ///< Of these, at Settings::registrations_per_s.
  uint64_t replacements = 0;
  uint64_t takeovers_refused = 0;
  uint64_t takeovers_observed = 0;  ///< With RuleMode::kObserve.
  uint64_t losses = 0;
  uint64_t drops_stuck = 0;
  // Tokens of L2s.
  std::array<uint64_t, kTokenFaults> tokens_refused = {};  ///< By TokenFault.
  uint64_t tokens_renewed = 0;
  uint64_t registrations_exempt = 0;
  uint64_t registrations_revoked = 0;
  uint64_t auth_files_bad = 0;
  // What may not be served.
  uint64_t denylists_bad = 0;  ///< Reloads whose files could not be used.
  uint64_t denied_blocks = 0;  ///< Streams that came to a block that is denied.
  uint64_t denied_again = 0;   ///< Fetches that were known to have such a block.
  uint64_t cache_denied = 0;   ///< Cached files that were removed since they have one.
  // Health.
  uint64_t ejections_for_lies = 0;
  uint64_t ejections_for_failures = 0;
  uint64_t ejections_by_operator = 0;
  uint64_t ejections_observed_for_lies = 0;  ///< With RuleMode::kObserve, as the next one.
  uint64_t ejections_observed_for_failures = 0;
  uint64_t ejections_spared = 0;
  uint64_t ejections_withheld = 0;
  uint64_t ejections_taken_back = 0;
  uint64_t probations_passed = 0;
  uint64_t roots_quarantined = 0;
  uint64_t self_suspicions = 0;
  uint64_t liars_passed_over = 0;
  // Holdings.
  uint64_t holdings_junk_lines = 0;
  uint64_t holdings_over_bound = 0;
  uint64_t holdings_complete = 0;
  uint64_t holdings_complete_void = 0;
  uint64_t complete_l2s_passed_over = 0;
  // Claims and deeds (DESIGN 6).
  uint64_t claims_broken = 0;
  uint64_t claims_mended = 0;
  uint64_t claims_refused = 0;
  uint64_t claims_displaced = 0;
  uint64_t deeds_learnt = 0;
  uint64_t strangers_passed_over = 0;
  uint64_t deeds_unasked = 0;
  // Connections.
  uint64_t connections = 0;
  uint64_t connections_refused = 0;    ///< At a bound, where no other connection was idle.
  uint64_t connections_displaced = 0;  ///< Idle ones closed in favour of new ones.
  uint64_t connections_timed_out = 0;
  uint64_t requests_refused = 0;
  // Workers.
  uint64_t workers_admitted = 0;
  uint64_t workers_refused = 0;
  uint64_t workers_lost = 0;    ///< Gone without a Leaving.
  uint64_t workers_left = 0;    ///< Gone after a Leaving.
  uint64_t workers_silent = 0;  ///< Times a worker left a ping unanswered for too long.
  uint64_t listener_stand_ins = 0;
  uint64_t workers_malformed = 0;

  // The cache.
  uint64_t cache_hits = 0;
  uint64_t cache_stores = 0;  ///< Files that got their final names.
  uint64_t cache_stores_failed = 0;
  uint64_t cache_stores_double = 0;
  uint64_t cache_downs = 0;
  uint64_t cache_faults = 0;
  uint64_t cache_quarantined = 0;  ///< Corrupt files, found by workers or the scrubber.
  uint64_t cache_evictions = 0;
  uint64_t cache_purged = 0;
  uint64_t cache_expired = 0;
  uint64_t reservations_refused = 0;
  uint64_t spools_lost = 0;
  uint64_t spools_failed = 0;
  uint64_t fetches_joined = 0;
  uint64_t fetches_cached = 0;
  uint64_t block_index_hits = 0;   ///< With RuleMode::kObserve those that would have been.
  uint64_t block_index_stale = 0;  ///< Of these, asked again as BlockFile::kLost.
  uint64_t joins = 0;
  uint64_t joins_passed_on = 0;  ///< Followers that became leaders since theirs failed.
  uint64_t heirs = 0;       ///< Fetches that ended so that their workers find their place and lead.
  uint64_t heirs_lost = 0;  ///< Of these, gone or silent for too long before they asked anew.

  Histogram first_byte;         ///< Order line to POST head, since the start, in ms.
  Histogram first_byte_second;  ///< The same since the last stats line.
};

}  // namespace daphnis::broker

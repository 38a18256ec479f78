#include "broker/admin/metrics.h"

#include <fmt/format.h>

#include "broker/admin/metrics_absences.h"
#include "broker/admin/metrics_choosing.h"
#include "broker/admin/metrics_clients.h"
#include "broker/admin/metrics_denials.h"
#include "broker/admin/metrics_process.h"
#include "broker/admin/metrics_tokens.h"
#include "broker/health/standing.h"
#include "broker/registry/l2_states.h"

namespace daphnis::broker {
namespace {

void add_l2s(Metrics& out, const Broker& broker, uint64_t now_ms) {
  const Counters& counters = broker.counters();
  const auto counts = L2Counts::of(broker.registrations().registry(), now_ms);
  out.begin(MetricKind::kGauge, "l2s", "L2s registered, by state", "state");
  for (const L2State state : {L2State::kIdle, L2State::kBusy, L2State::kFull, L2State::kSuspect}) {
    out.add(name(state), counts.in(state), fmt::format("l2s.{}", name(state)));
  }
  out.only_in_line("l2s.registered", counts.v2 + counts.legacy);
  out.only_in_line("l2s.v2", counts.v2);
  out.only_in_line("l2s.legacy", counts.legacy);
  out.counter("l2_registrations_total", "Registrations admitted", counters.registrations,
              "registrations");
  out.counter("l2_registrations_refused_total", "Registrations answered 503 or 403",
              counters.registrations_refused, "refused");
  out.counter("l2_registrations_shed_total", "Of these, since too many came at once",
              counters.registrations_shed);
  out.counter("l2_replacements_total", "Registrations that took over a live id",
              counters.replacements);
  out.counter("l2_takeovers_refused_total",
              "Registrations answered 503 since another address has their id",
              counters.takeovers_refused);
  out.counter("l2_takeovers_observed_total",
              "Registrations that would have been, were the rule not only observed",
              counters.takeovers_observed);
  out.counter("l2_losses_total", "Registrations that ended", counters.losses, "losses");
  out.counter("l2_drops_stuck_total", "Registrations dropped since the L2 did not read",
              counters.drops_stuck);
  out.gauge("l2_connections", "Connections of L2s at the broker", broker.l2_server().connections(),
            "connections");
  out.counter("l2_connections_total", "Connections accepted or returned", counters.connections);
  out.counter("l2_connections_refused_total", "Connections closed at a bound",
              counters.connections_refused);
  out.counter("l2_connections_displaced_total", "Idle connections that gave way to new ones",
              counters.connections_displaced);
  out.counter("l2_web_pages_refused_total", "Requests that a web page made a browser send",
              counters.web_pages_refused);
  out.counter("l2_requests_timed_out_total", "Requests that took too long to arrive",
              counters.connections_timed_out);
  out.counter("l2_requests_refused_total", "Requests that are no HTTP", counters.requests_refused);
  out.gauge("holdings", "Roots announced by registered L2s",
            broker.registrations().holdings().size(), "holdings");
  out.counter("holdings_junk_total", "Lines and CIDs of announcements passed over",
              counters.holdings_junk_lines);
  out.counter("holdings_over_bound_total", "Announced roots not kept at a bound",
              counters.holdings_over_bound);
  out.counter("holdings_complete_total", "L2s that said to have announced all that they have",
              counters.holdings_complete);
  out.counter("holdings_complete_void_total", "The same of L2s whose roots were not all kept",
              counters.holdings_complete_void);
  out.counter("complete_l2s_passed_over_total",
              "Choices where others came before an L2 that had announced all that it has",
              counters.complete_l2s_passed_over);
}

/// How many of the registered L2s are ejected for this reason.
size_t ejected(const Broker& broker, EjectionReason reason, uint64_t now_ms) {
  size_t count = 0;
  broker.registrations().registry().for_each([&](const L2& l2) {
    const bool is_one = l2.is_ejected(now_ms) && l2.health->standing().reason() == reason;
    count += is_one ? 1 : 0;
  });
  return count;
}

void add_health(Metrics& out, const Broker& broker, uint64_t now_ms) {
  const HealthBook& health = broker.registrations().health();
  out.begin(MetricKind::kGauge, "l2s_ejected", "L2s asked after all others", "reason");
  for (const auto reason :
       {EjectionReason::kLied, EjectionReason::kFailing, EjectionReason::kOperator}) {
    out.add(name(reason), ejected(broker, reason, now_ms));
  }
  out.gauge("l2s_with_deeds", "Registered L2s of which a block was ever proven",
            health.healths().with_deeds());
  out.gauge("l2s_remembered", "L2s that are gone and whose health is kept",
            health.healths().gone());
  out.gauge("l2_p50_milliseconds", "The median of the L2s' median first-byte times",
            health.pool(now_ms).p50_ms.value_or(0));
  out.gauge("l2_p95_milliseconds", "The median of the L2s' p95 of first-byte times",
            health.pool(now_ms).p95_ms.value_or(0));
  out.gauge("roots_quarantined", "Roots about which lies condemn nobody",
            health.roots_quarantined(now_ms));
  out.gauge("suspects_itself", "1 while most L2s with deeds seem to lie",
            health.suspects_itself(now_ms) ? 1 : 0);
}

void add_ejections(Metrics& out, const Counters& counters) {
  out.begin(MetricKind::kCounter, "l2_ejections_total", "Times an L2 was ejected", "reason");
  out.add(name(EjectionReason::kLied), counters.ejections_for_lies);
  out.add(name(EjectionReason::kFailing), counters.ejections_for_failures);
  out.add(name(EjectionReason::kOperator), counters.ejections_by_operator);
  out.begin(MetricKind::kCounter, "l2_ejections_observed_total",
            "Times an L2 would have been ejected, were the rule not only observed", "reason");
  out.add(name(EjectionReason::kLied), counters.ejections_observed_for_lies);
  out.add(name(EjectionReason::kFailing), counters.ejections_observed_for_failures);
  out.counter("l2_ejections_spared_total",
              "Failures that did not eject since a third of the L2s is ejected for failures",
              counters.ejections_spared);
  out.counter("l2_ejections_withheld_total",
              "Faults that did not eject since the edge suspects itself",
              counters.ejections_withheld);
  out.counter("l2_ejections_taken_back_total",
              "Ejections for lies undone since the fault seems to be the root's or the edge's",
              counters.ejections_taken_back);
  out.counter("l2_probations_passed_total", "Ejected L2s that have proven themselves anew",
              counters.probations_passed);
  out.counter("roots_quarantined_total", "Roots over which several L2s with deeds seemed to lie",
              counters.roots_quarantined);
  out.counter("self_suspicions_total", "Times most L2s with deeds seemed to lie",
              counters.self_suspicions);
  out.counter("l2_liars_passed_over_total",
              "Fetches left with L2s alone that lied about their root", counters.liars_passed_over);
}

void add_fetches(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  out.gauge("fetches_in_flight", "Fetches under way", broker.dispatcher().fetches(),
            "fetches_in_flight");
  out.gauge("fetches_waiting", "Fetches that wait for a place at an L2",
            broker.dispatcher().waiting(), "fetches_waiting");
  out.gauge("attempts_in_flight", "Attempts ordered or streaming",
            broker.dispatcher().attempts().live(), "attempts_in_flight");
  out.counter("fetches_total", "Fetches asked for by workers", counters.fetches, "fetches");
  out.counter("fetches_served_total", "Fetches that ended with a complete CAR",
              counters.fetches_served, "served");
  out.counter("fetches_served_at_first_attempt_total", "Of these, at the first attempt",
              counters.attempts_first_hit);
  out.counter("fetches_cancelled_total", "Fetches nobody waited for any more",
              counters.fetches_cancelled, "cancelled");
  out.counter("fetches_given_up_total", "Fetches the worker ended after a failure",
              counters.fetches_given_up);
  out.counter("fetches_yielded_total", "Fetches whose readers took too little: their L2s are free",
              counters.fetches_yielded);
  out.counter("fetches_queued_total", "Fetches that had to wait for a place at an L2",
              counters.fetches_queued);
  out.counter("fetches_carried_on_total", "Fetches asked of a further L2 after proven blocks",
              counters.fetches_carried_on);
  out.counter("holders_asked_again_total", "Orders to an L2 that served the same fetch before",
              counters.holders_asked_again);
  out.counter("holders_awaited_total", "Times a fetch waited for an L2 that served it",
              counters.holders_awaited);
  out.counter("l2_queue_waits_refused_total",
              "Fetches for which the wait for a place would have been too long",
              counters.queue_waits_refused);
  out.counter("l2_queues_full_total", "Fetches for which every L2 had too many waiting",
              counters.queues_full);
  out.counter("l2_orders_given_up_total", "Orders whose attempt ended before their POST came",
              counters.orders_given_up);
  out.counter("l2_places_expired_total", "Of these, never answered: their places are free by time",
              counters.places_expired);
  out.counter("l2_places_wanted_total", "Times a worker was told that others wait for a place",
              counters.places_wanted);
  out.counter("silences_not_found_total",
              "Single blocks that legacy L2s were silent about, answered 404",
              counters.silences_not_found);
  out.gauge("attempts_remembered", "Finished attempts whose late answers are known",
            broker.dispatcher().attempts().remembered());
  out.counter("attempts_forgotten_early_total", "Of these, forgotten before their time",
              broker.dispatcher().attempts().forgotten_early());
  out.begin(MetricKind::kCounter, "fetches_failed_total", "Fetches the broker gave up", "reason");
  for (const Outcome reason : ipc::kFetchOutcomes) {
    out.add(name_of(reason), counters.fetches_failed[reason],
            fmt::format("failed.{}", name_of(reason)));
  }
  out.counter("attempts_total", "Orders sent", counters.attempts, "attempts");
  out.counter("attempts_beside_total", "Of these, to an L2 beside others of the same fetch",
              counters.attempts_beside);
  out.counter("attempts_not_found_total", "Attempts answered with not-found", counters.not_found,
              "answers.not_found");
  out.counter("attempts_silent_total", "Attempts without a POST in time", counters.silent,
              "answers.silent");
  out.counter("attempts_l2_lost_total", "Attempts whose L2 went before its POST", counters.l2_lost,
              "answers.l2_lost");
  out.begin(MetricKind::kCounter, "streams_total", "Handed-off attempts, by end", "outcome");
  for (const Outcome outcome : ipc::kAttemptOutcomes) {
    // The line has all not-founds; most come as POSTs to the broker, which no worker reports.
    const bool is_in_line = outcome != Outcome::kNotFound;
    out.add(name_of(outcome), counters.outcomes[outcome],
            is_in_line ? fmt::format("answers.{}", name_of(outcome)) : "");
  }
  out.histogram("first_byte_seconds", "From an order line to the head of its POST",
                counters.first_byte);
}

void add_deliveries(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  out.counter("handoffs_total", "Sockets handed to workers", counters.handoffs, "handoffs");
  out.counter("handoffs_refused_total", "POSTs answered 503 since their worker has too many",
              counters.handoffs_refused);
  out.counter("sockets_returned_total", "Sockets that workers gave back",
              counters.sockets_returned);
  out.counter("sockets_lost_total", "Sockets lost on the way back", counters.sockets_lost);
  out.counter("direct_deliveries_total", "CARs that L2s sent to a worker itself",
              counters.deliveries_direct);
  out.counter("direct_sockets_total", "Connections passed on to the worker that they ask for",
              counters.direct_sockets);
  out.counter("answers_without_id_total", "POSTs that were matched by CID and address",
              counters.deliveries_without_id);
  out.begin(MetricKind::kCounter, "answers_refused_total", "POSTs that were no use", "reason");
  out.add("malformed", counters.deliveries_malformed);
  out.add("in_clear", counters.deliveries_in_clear);
  out.add("other_l2", counters.deliveries_of_others);
  out.add("wrong_root", counters.deliveries_wrong_root);
  out.add("unknown", counters.deliveries_unknown, "answers.unknown");
  out.add("double", counters.deliveries_double, "answers.double");
  out.add("late", counters.deliveries_late, "answers.late");
  out.counter("car_bytes_through_broker_total",
              "Body bytes of CARs the broker read apart from those handed off",
              counters.car_bytes_through_broker);
  out.only_in_line("car_bytes_through_broker", counters.car_bytes_through_broker);
  out.counter("drained_bytes_total", "Body bytes of CARs that the broker threw away",
              counters.drained_bytes, "drained_bytes");
  out.counter("answers_read_out_total",
              "Small POSTs that nobody waited for, read to their end: their connections went on",
              counters.deliveries_read_out);
}

/// /metrics has the sizes only where there is a cache; the stats line always has them.
void add_cache_sizes(Metrics& out, const CacheIndex* index) {
  if (!index) {
    for (const char* size : {"limit", "used", "reserved", "doomed"}) {
      out.only_in_line(fmt::format("cache.{}_bytes", size), 0);
    }
    out.only_in_line("cache.entries", 0);
    return;
  }
  out.gauge("cache_limit_bytes", "The storage limit", index->limit_bytes(), "cache.limit_bytes");
  out.only_in_line("cache.used_bytes", index->charged_bytes());
  out.begin(MetricKind::kGauge, "cache_bytes", "Bytes that count against the limit", "kind");
  out.add("held", index->held_bytes());
  out.add("reserved", index->reserved_bytes(), "cache.reserved_bytes");
  out.add("doomed", index->deferred_bytes(), "cache.doomed_bytes");
  out.gauge("cache_entries", "Files held", index->entries(), "cache.entries");
}

void add_cache(Metrics& out, const Broker& broker, const ProcessGauges& process) {
  const Counters& counters = broker.counters();
  const Cache& cache = broker.cache();
  out.gauge("cache_up", "1 while there is a cache and its folder takes files", cache.is_up(),
            "cache.up");
  add_cache_sizes(out, cache.index());
  out.gauge("spools", "Temporary files open at workers", cache.spools(), "cache.spools");
  out.gauge("spool_dir_bytes", "Bytes promised to spools outside the cache",
            cache.spool_dir_bytes(), "cache.spool_dir_bytes");
  out.counter("cache_hits_total", "Requests that workers answered without a fetch",
              counters.cache_hits, "cache.hits");
  out.counter("cache_stores_total", "Files stored", counters.cache_stores, "cache.stores");
  out.counter("cache_stores_failed_total", "Files that could not be stored",
              counters.cache_stores_failed);
  out.counter("cache_stores_double_total", "Files of an object that was held already",
              counters.cache_stores_double);
  out.counter("cache_evictions_total", "Files evicted for room", counters.cache_evictions,
              "cache.evictions");
  out.counter("cache_expired_total", "Files nobody had asked for", counters.cache_expired,
              "cache.expired");
  out.counter("cache_purged_total", "Files the operator removed", counters.cache_purged,
              "cache.purged");
  out.counter("cache_faults_total", "Files that workers could not use", counters.cache_faults,
              "cache.faults");
  out.counter("cache_quarantined_total", "Corrupt files found", counters.cache_quarantined,
              "cache.quarantined");
  out.counter("cache_downs_total", "Times the folder stopped taking files", counters.cache_downs);
  out.counter("cache_scrubbed_files_total", "Files the scrubber has verified",
              process.cache_files_scrubbed);
  out.gauge("cache_proofs_waiting", "Files that were hit and are to be verified",
            cache.proofs_waiting());
  out.counter("cache_scrubbed_bytes_total", "Bytes the scrubber has read",
              process.cache_bytes_scrubbed);
  out.counter("cache_strays_removed_total", "Temporary files of dead workers removed",
              process.cache_strays_removed);
  out.gauge("cache_orders", "Orders the folder has not carried out yet", process.cache_tasks);
  out.counter("spool_rooms_refused_total", "Reservations refused", counters.reservations_refused,
              "cache.refused");
  out.counter("spools_lost_total", "Open spools of workers that went", counters.spools_lost);
  out.counter("spools_failed_total", "Spools given up since the disk refused something",
              counters.spools_failed);
  out.gauge("joiners", "Fetches that wait for another worker's", broker.joins().followers(),
            "joiners");
  out.counter("joins_total", "Fetches that began to wait for another worker's", counters.joins);
  out.counter("joins_passed_on_total", "Of these, fetched anew since the other failed",
              counters.joins_passed_on);
  out.counter("heirs_total", "Fetches in mid-answer that were told to find their place and lead",
              counters.heirs);
  out.counter("heirs_lost_total", "Of these, gone or silent before they asked anew",
              counters.heirs_lost);
  out.counter("fetches_joined_total", "Fetches that ended with another worker's",
              counters.fetches_joined, "joined");
  out.counter("fetches_cached_total", "Fetches of what the cache holds", counters.fetches_cached,
              "cached");
  out.gauge("blocks_indexed", "Blocks whose cached file is known",
            cache.blocks() ? cache.blocks()->blocks() : 0);
  out.counter("block_index_hits_total", "Fetches of one block that a cached file seemed to hold",
              counters.block_index_hits);
  out.counter("block_index_stale_total", "Of these, not found in that file",
              counters.block_index_stale);
}

void add_workers(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  const WorkerTotals totals = broker.workers().totals();
  out.gauge("workers", "Workers connected", totals.admitted, "workers");
  out.counter("workers_admitted_total", "Workers welcomed", counters.workers_admitted);
  out.counter("workers_refused_total", "Workers refused", counters.workers_refused);
  out.counter("workers_lost_total", "Worker connections that ended without a word",
              counters.workers_lost);
  out.counter("workers_left_total", "Workers that left as they said", counters.workers_left);
  out.counter("workers_silent_total", "Times a worker stopped answering", counters.workers_silent);
  out.gauge("listeners", "Listening sockets of workers kept", broker.workers().listeners().size());
  out.counter("listener_stand_ins_total", "Times a worker took up another's listening socket",
              counters.listener_stand_ins);
  out.counter("workers_malformed_total", "Workers disconnected for nonsense",
              counters.workers_malformed);
  out.gauge("client_connections", "Connections of clients", totals.sum.clients,
            "clients.connections");
  out.counter("client_requests_total", "Requests of clients ended", totals.sum.requests,
              "clients.requests");
  out.begin(MetricKind::kCounter, "client_answers_total", "Answers to clients, by class", "class");
  out.add("2xx", totals.sum.status_2xx, "clients.2xx");
  out.add("3xx", totals.sum.status_3xx, "clients.3xx");
  out.add("4xx", totals.sum.status_4xx, "clients.4xx");
  out.add("5xx", totals.sum.status_5xx, "clients.5xx");
  out.counter("client_answers_aborted_total", "Answers cut after their status", totals.sum.aborted,
              "clients.aborted");
  out.counter("client_left_total", "Requests whose client went first", totals.sum.client_left,
              "clients.left");
  out.counter("client_bytes_total", "Body bytes written to clients", totals.sum.bytes_out,
              "clients.bytes_out");
  out.counter("worker_joins_total", "Requests answered by a fetch under way in their worker",
              totals.sum.joins, "clients.joins");
  out.counter("worker_spools_total", "Spools begun by workers", totals.sum.spools,
              "clients.spools");
  out.gauge("worker_loners", "Fetches of one slow reader each", totals.sum.loners);
  out.counter("worker_readers_left_total", "Slow readers that left a shared fetch to go on alone",
              totals.sum.readers_left);
  out.counter("worker_readers_cut_total", "Readers cut since their slowness kept others waiting",
              totals.sum.readers_cut);
  out.counter("worker_yields_total", "Times a fetch gave its L2s up until its readers have room",
              totals.sum.yields);
  out.counter("worker_requests_shed_total", "Requests answered 503 at once, at a bound",
              totals.sum.shed);
  out.counter("worker_requests_shed_busy_total", "Requests for which the worker was too busy",
              totals.sum.shed_busy);
  out.counter("worker_directories_total", "Blocks fetched for the cache that lack a path's name",
              totals.sum.directories);
  add_client_addresses(out, totals.sum);
  out.counter("worker_log_lines_dropped_total", "Log lines of workers that nobody took",
              totals.sum.log_lines_dropped);
  out.counter("verify_failures_total", "Streams that failed verification",
              totals.sum.verify_failures);
}

}  // namespace

Metrics metrics_of(const Broker& broker, const ProcessGauges& process, uint64_t now_ms) {
  Metrics out;
  add_l2s(out, broker, now_ms);
  add_tokens(out, broker);
  add_health(out, broker, now_ms);
  add_ejections(out, broker.counters());
  add_fetches(out, broker);
  add_choosing(out, broker);
  add_absences(out, broker);
  add_deliveries(out, broker);
  add_cache(out, broker, process);
  add_workers(out, broker);
  add_denials(out, broker);
  add_process(out, process);
  return out;
}

}  // namespace daphnis::broker

#include "broker/admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>
#include <vector>

#include "broker/base/outcome_names.h"
#include "broker/registry/l2_states.h"

namespace daphnis::broker {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Collects metric families, in the order of the calls.
class Families {
 public:
  void counter(const std::string& name, const std::string& help, uint64_t value) {
    family(name, help, MetricType::Counter);
    put(value);
  }
  void gauge(const std::string& name, const std::string& help, uint64_t value) {
    family(name, help, MetricType::Gauge);
    put(value);
  }
  void family(const std::string& name, const std::string& help, MetricType type) {
    all_.push_back({"daphnis_" + name, help, type, {}});
  }
  /// Adds one more value to the last family.
  void put(uint64_t value, const char* label = nullptr, std::string_view label_value = {}) {
    ClientMetric metric;
    if (label) metric.label.push_back({label, std::string(label_value)});
    const bool is_counter = all_.back().type == MetricType::Counter;
    (is_counter ? metric.counter.value : metric.gauge.value) = static_cast<double>(value);
    all_.back().metric.push_back(std::move(metric));
  }
  void histogram(const std::string& name, const std::string& help, const Histogram& values) {
    family(name, help, MetricType::Histogram);
    ClientMetric metric;
    metric.histogram.sample_count = values.count();
    metric.histogram.sample_sum = static_cast<double>(values.sum_ms()) / 1000;
    for (const unsigned bound_ms :
         {1U, 2U, 5U, 10U, 20U, 50U, 100U, 200U, 500U, 800U, 1000U, 2000U, 5000U}) {
      metric.histogram.bucket.push_back(
          {values.at_most(bound_ms), static_cast<double>(bound_ms) / 1000});
    }
    all_.back().metric.push_back(std::move(metric));
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, all_);
    return out.str();
  }

 private:
  std::vector<MetricFamily> all_;
};

void add_l2s(Families& out, const Broker& broker, uint64_t now_ms) {
  const Counters& counters = broker.counters();
  const auto counts = L2Counts::of(broker.registrations().registry(), now_ms);
  out.family("l2s", "L2s registered, by state", MetricType::Gauge);
  for (const L2State state : {L2State::kIdle, L2State::kBusy, L2State::kFull, L2State::kSuspect}) {
    out.put(counts.in(state), "state", name(state));
  }
  out.counter("l2_registrations_total", "Registrations admitted", counters.registrations);
  out.counter("l2_registrations_refused_total", "Registrations answered 503",
              counters.registrations_refused);
  out.counter("l2_replacements_total", "Registrations that took over a live id",
              counters.replacements);
  out.counter("l2_losses_total", "Registrations that ended", counters.losses);
  out.counter("l2_drops_stuck_total", "Registrations dropped since the L2 did not read",
              counters.drops_stuck);
  out.gauge("l2_connections", "Connections of L2s at the broker", broker.l2_server().connections());
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
            broker.registrations().holdings().size());
  out.counter("holdings_junk_total", "Lines and CIDs of announcements passed over",
              counters.holdings_junk_lines);
  out.counter("holdings_over_bound_total", "Announced roots not kept at a bound",
              counters.holdings_over_bound);
}

void add_fetches(Families& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  out.gauge("fetches_in_flight", "Fetches under way", broker.dispatcher().fetches());
  out.gauge("fetches_waiting", "Fetches that wait for a place at an L2",
            broker.dispatcher().waiting());
  out.gauge("attempts_in_flight", "Attempts ordered or streaming",
            broker.dispatcher().attempts().live());
  out.counter("fetches_total", "Fetches asked for by workers", counters.fetches);
  out.counter("fetches_served_total", "Fetches that ended with a complete CAR",
              counters.fetches_served);
  out.counter("fetches_served_at_first_attempt_total", "Of these, at the first attempt",
              counters.attempts_first_hit);
  out.counter("fetches_cancelled_total", "Fetches nobody waited for any more",
              counters.fetches_cancelled);
  out.counter("fetches_given_up_total", "Fetches the worker ended after a failure",
              counters.fetches_given_up);
  out.counter("fetches_queued_total", "Fetches that had to wait for a place at an L2",
              counters.fetches_queued);
  out.counter("l2_queues_full_total", "Fetches for which every L2 had too many waiting",
              counters.queues_full);
  out.gauge("attempts_remembered", "Finished attempts whose late answers are known",
            broker.dispatcher().attempts().remembered());
  out.counter("attempts_forgotten_early_total", "Of these, forgotten before their time",
              broker.dispatcher().attempts().forgotten_early());
  out.family("fetches_failed_total", "Fetches the broker gave up", MetricType::Counter);
  for (size_t i = 0; i <= static_cast<size_t>(ipc::kFetchFailureLast); ++i) {
    out.put(counters.fetches_failed[i], "reason", name(static_cast<ipc::FetchFailure>(i)));
  }
  out.counter("attempts_total", "Orders sent", counters.attempts);
  out.counter("attempts_not_found_total", "Attempts answered with not-found", counters.not_found);
  out.counter("attempts_silent_total", "Attempts without a POST in time", counters.silent);
  out.counter("attempts_l2_lost_total", "Attempts whose L2 went before its POST", counters.l2_lost);
  out.family("streams_total", "Handed-off attempts, by end", MetricType::Counter);
  for (size_t i = 0; i <= static_cast<size_t>(ipc::kAttemptOutcomeLast); ++i) {
    out.put(counters.outcomes[i], "outcome", name(static_cast<ipc::AttemptOutcome>(i)));
  }
  out.histogram("first_byte_seconds", "From an order line to the head of its POST",
                counters.first_byte);
}

void add_deliveries(Families& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  out.counter("handoffs_total", "Sockets handed to workers", counters.handoffs);
  out.counter("handoffs_refused_total", "POSTs answered 503 since their worker has too many",
              counters.handoffs_refused);
  out.counter("sockets_returned_total", "Sockets that workers gave back",
              counters.sockets_returned);
  out.counter("sockets_lost_total", "Sockets lost on the way back", counters.sockets_lost);
  out.counter("answers_without_id_total", "POSTs that were matched by CID and address",
              counters.deliveries_without_id);
  out.family("answers_refused_total", "POSTs that were no use", MetricType::Counter);
  out.put(counters.deliveries_malformed, "reason", "malformed");
  out.put(counters.deliveries_wrong_root, "reason", "wrong_root");
  out.put(counters.deliveries_unknown, "reason", "unknown");
  out.put(counters.deliveries_double, "reason", "double");
  out.put(counters.deliveries_late, "reason", "late");
  out.counter("car_bytes_through_broker_total",
              "Body bytes of CARs the broker read apart from those handed off",
              counters.car_bytes_through_broker);
  out.counter("drained_bytes_total", "Body bytes of CARs thrown away after an early answer",
              counters.drained_bytes);
}

void add_cache(Families& out, const Broker& broker, const ProcessGauges& process) {
  const Counters& counters = broker.counters();
  const Cache& cache = broker.cache();
  out.gauge("cache_up", "1 while there is a cache and its folder takes files", cache.is_up());
  if (const CacheIndex* index = cache.index()) {
    out.gauge("cache_limit_bytes", "The storage limit", index->limit_bytes());
    out.family("cache_bytes", "Bytes that count against the limit", MetricType::Gauge);
    out.put(index->held_bytes(), "kind", "held");
    out.put(index->reserved_bytes(), "kind", "reserved");
    out.put(index->deferred_bytes(), "kind", "doomed");
    out.gauge("cache_entries", "Files held", index->entries());
  }
  out.gauge("spools", "Temporary files open at workers", cache.spools());
  out.gauge("spool_dir_bytes", "Bytes promised to spools outside the cache",
            cache.spool_dir_bytes());
  out.counter("cache_hits_total", "Requests that workers answered without a fetch",
              counters.cache_hits);
  out.counter("cache_stores_total", "Files stored", counters.cache_stores);
  out.counter("cache_stores_failed_total", "Files that could not be stored",
              counters.cache_stores_failed);
  out.counter("cache_stores_double_total", "Files of an object that was held already",
              counters.cache_stores_double);
  out.counter("cache_evictions_total", "Files evicted for room", counters.cache_evictions);
  out.counter("cache_expired_total", "Files nobody had asked for", counters.cache_expired);
  out.counter("cache_purged_total", "Files the operator removed", counters.cache_purged);
  out.counter("cache_faults_total", "Files that workers could not use", counters.cache_faults);
  out.counter("cache_quarantined_total", "Corrupt files found", counters.cache_quarantined);
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
  out.counter("spool_rooms_refused_total", "Reservations refused", counters.reservations_refused);
  out.counter("spools_lost_total", "Open spools of workers that went", counters.spools_lost);
  out.counter("spools_failed_total", "Spools given up since the disk refused something",
              counters.spools_failed);
  out.gauge("joiners", "Fetches that wait for another worker's", broker.joins().followers());
  out.counter("joins_total", "Fetches that began to wait for another worker's", counters.joins);
  out.counter("joins_passed_on_total", "Of these, fetched anew since the other failed",
              counters.joins_passed_on);
  out.counter("fetches_joined_total", "Fetches that ended with another worker's",
              counters.fetches_joined);
  out.counter("fetches_cached_total", "Fetches of what the cache holds", counters.fetches_cached);
}

void add_workers(Families& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  const WorkerTotals totals = broker.workers().totals();
  out.gauge("workers", "Workers connected", totals.admitted);
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
  out.gauge("client_connections", "Connections of clients", totals.sum.clients);
  out.counter("client_requests_total", "Requests of clients ended", totals.sum.requests);
  out.family("client_answers_total", "Answers to clients, by class", MetricType::Counter);
  out.put(totals.sum.status_2xx, "class", "2xx");
  out.put(totals.sum.status_3xx, "class", "3xx");
  out.put(totals.sum.status_4xx, "class", "4xx");
  out.put(totals.sum.status_5xx, "class", "5xx");
  out.counter("client_answers_aborted_total", "Answers cut after their status", totals.sum.aborted);
  out.counter("client_left_total", "Requests whose client went first", totals.sum.client_left);
  out.counter("client_bytes_total", "Body bytes written to clients", totals.sum.bytes_out);
  out.counter("worker_joins_total", "Requests answered by a fetch under way in their worker",
              totals.sum.joins);
  out.counter("worker_spools_total", "Spools begun by workers", totals.sum.spools);
  out.counter("worker_log_lines_dropped_total", "Log lines of workers that nobody took",
              totals.sum.log_lines_dropped);
  out.counter("verify_failures_total", "Streams that failed verification",
              totals.sum.verify_failures);
}

void add_process(Families& out, const ProcessGauges& process) {
  out.gauge("uptime_seconds", "Since the broker's start", process.uptime_ms / 1000);
  out.gauge("resident_memory_bytes", "Resident memory of the broker", process.rss_bytes);
  out.gauge("open_descriptors", "Descriptors of the broker", process.descriptors);
  out.gauge("descriptors_max", "Its limit", process.descriptors_max);
  out.counter("cpu_microseconds_total", "User and system time of the broker", process.cpu_us);
  out.gauge("loop_lag_milliseconds", "Worst lateness of a timer since the last stats line",
            process.loop_lag_ms);
  out.counter("log_lines_dropped_total", "Log lines nobody took", process.log_lines_dropped);
  out.counter("stats_lines_dropped_total", "Stats lines that could not be written",
              process.stats_lines_dropped);
}

}  // namespace

std::string metrics_text(const Broker& broker, const ProcessGauges& process, uint64_t now_ms) {
  Families out;
  add_l2s(out, broker, now_ms);
  add_fetches(out, broker);
  add_deliveries(out, broker);
  add_cache(out, broker, process);
  add_workers(out, broker);
  add_process(out, process);
  return out.text();
}

}  // namespace daphnis::broker

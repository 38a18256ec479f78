#include "broker/admin/stats_line.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>

#include "broker/base/outcome_names.h"
#include "broker/registry/l2_states.h"

namespace daphnis::broker {
namespace {

/// A JSON object under construction. Keys and texts come from the broker and need no escapes.
class Json {
 public:
  Json() : out_("{") {}

  Json& add(std::string_view key, uint64_t value) {
    begin(key);
    fmt::format_to(std::back_inserter(out_), "{}", value);
    return *this;
  }
  Json& add(std::string_view key, std::string_view text) {
    begin(key);
    fmt::format_to(std::back_inserter(out_), "\"{}\"", text);
    return *this;
  }
  Json& add(std::string_view key, std::optional<uint64_t> value) {
    if (value) return add(key, *value);
    begin(key);
    out_ += "null";
    return *this;
  }
  Json& add(std::string_view key, const Json& object) {
    begin(key);
    out_ += object.text();
    return *this;
  }
  [[nodiscard]] std::string text() const { return out_ + "}"; }

 private:
  void begin(std::string_view key) {
    if (out_.size() > 1) out_.push_back(',');
    fmt::format_to(std::back_inserter(out_), "\"{}\":", key);
  }
  std::string out_;
};

Json l2s_of(const Broker& broker, uint64_t now_ms) {
  const Registry& registry = broker.registrations().registry();
  const auto counts = L2Counts::of(registry, now_ms);
  Json out;
  out.add("registered", registry.size()).add("v2", counts.v2).add("legacy", counts.legacy);
  for (const L2State state : {L2State::kIdle, L2State::kBusy, L2State::kFull, L2State::kSuspect}) {
    out.add(name(state), counts.in(state));
  }
  return out;
}

Json silence_of(const Workers& workers, uint64_t now_ms) {
  Json out;
  for (const auto& [id, worker] : workers.all()) {
    if (worker.is_admitted) out.add(std::to_string(worker.pid), now_ms - worker.heard_ms);
  }
  return out;
}

Json deliveries_of(const Counters& now, const Counters& before) {
  Json out;
  for (size_t i = 0; i <= static_cast<size_t>(ipc::kAttemptOutcomeLast); ++i) {
    const auto outcome = static_cast<ipc::AttemptOutcome>(i);
    // Most not-founds come as POSTs to the broker, which no worker reports.
    const bool is_not_found = outcome == ipc::AttemptOutcome::kNotFound;
    out.add(name(outcome),
            is_not_found ? now.not_found - before.not_found : now.outcomes[i] - before.outcomes[i]);
  }
  out.add("silent", now.silent - before.silent).add("l2_lost", now.l2_lost - before.l2_lost);
  out.add("late", now.deliveries_late - before.deliveries_late);
  out.add("double", now.deliveries_double - before.deliveries_double);
  out.add("unknown", now.deliveries_unknown - before.deliveries_unknown);
  return out;
}

Json failures_of(const Counters& now, const Counters& before) {
  Json out;
  for (size_t i = 0; i <= static_cast<size_t>(ipc::kFetchFailureLast); ++i) {
    out.add(name(static_cast<ipc::FetchFailure>(i)),
            now.fetches_failed[i] - before.fetches_failed[i]);
  }
  return out;
}

Json cache_of(const Broker& broker, const Counters& now, const Counters& before) {
  const Cache& cache = broker.cache();
  Json out;
  const CacheIndex* index = cache.index();
  out.add("up", uint64_t{cache.is_up()});
  out.add("limit_bytes", index ? index->limit_bytes() : 0);
  out.add("used_bytes", index ? index->charged_bytes() : 0);
  out.add("reserved_bytes", index ? index->reserved_bytes() : 0);
  out.add("doomed_bytes", index ? index->deferred_bytes() : 0);
  out.add("entries", index ? uint64_t{index->entries()} : 0);
  out.add("spools", cache.spools()).add("spool_dir_bytes", cache.spool_dir_bytes());
  out.add("hits", now.cache_hits - before.cache_hits);
  out.add("stores", now.cache_stores - before.cache_stores);
  out.add("evictions", now.cache_evictions - before.cache_evictions);
  out.add("purged", now.cache_purged - before.cache_purged);
  out.add("expired", now.cache_expired - before.cache_expired);
  out.add("faults", now.cache_faults - before.cache_faults);
  out.add("quarantined", now.cache_quarantined - before.cache_quarantined);
  out.add("refused", now.reservations_refused - before.reservations_refused);
  return out;
}

Json clients_of(const ipc::WorkerStats& now, const ipc::WorkerStats& before) {
  Json out;
  out.add("connections", now.clients).add("requests", now.requests - before.requests);
  out.add("2xx", now.status_2xx - before.status_2xx);
  out.add("3xx", now.status_3xx - before.status_3xx);
  out.add("4xx", now.status_4xx - before.status_4xx);
  out.add("5xx", now.status_5xx - before.status_5xx);
  out.add("aborted", now.aborted - before.aborted);
  out.add("left", now.client_left - before.client_left);
  out.add("joins", now.joins - before.joins).add("spools", now.spools - before.spools);
  out.add("bytes_out", now.bytes_out - before.bytes_out);
  return out;
}

}  // namespace

std::string StatsWriter::line(Broker& broker, const ProcessGauges& process, uint64_t now_ms,
                              Workers form) {
  const Counters& now = broker.counters();
  const WorkerTotals workers = broker.workers().totals();
  Json first_byte;
  first_byte.add("count", now.first_byte_second.count());
  first_byte.add("p50", now.first_byte_second.quantile(0.5));
  first_byte.add("p99", now.first_byte_second.quantile(0.99));
  Json line;
  line.add("time", process.time).add("uptime_s", process.uptime_ms / 1000);
  line.add("interval_ms", line_ms_ == 0 ? process.uptime_ms : now_ms - line_ms_);
  line.add("l2s", l2s_of(broker, now_ms)).add("workers", workers.admitted);
  line.add("fetches_in_flight", broker.dispatcher().fetches());
  line.add("fetches_waiting", broker.dispatcher().waiting());
  line.add("attempts_in_flight", broker.dispatcher().attempts().live());
  line.add("fetches", now.fetches - before_.fetches);
  line.add("served", now.fetches_served - before_.fetches_served);
  line.add("cancelled", now.fetches_cancelled - before_.fetches_cancelled);
  line.add("cached", now.fetches_cached - before_.fetches_cached);
  line.add("joined", now.fetches_joined - before_.fetches_joined);
  line.add("joiners", broker.joins().followers());
  line.add("failed", failures_of(now, before_));
  line.add("attempts", now.attempts - before_.attempts);
  line.add("handoffs", now.handoffs - before_.handoffs);
  line.add("answers", deliveries_of(now, before_)).add("first_byte_ms", first_byte);
  line.add("registrations", now.registrations - before_.registrations);
  line.add("losses", now.losses - before_.losses);
  line.add("refused", now.registrations_refused - before_.registrations_refused);
  line.add("holdings", broker.registrations().holdings().size());
  line.add("connections", broker.l2_server().connections());
  line.add("clients", clients_of(workers.sum, workers_before_));
  line.add("cache", cache_of(broker, now, before_));
  line.add("car_bytes_through_broker", now.car_bytes_through_broker);
  line.add("drained_bytes", now.drained_bytes - before_.drained_bytes);
  line.add("rss_bytes", process.rss_bytes).add("descriptors", process.descriptors);
  line.add("descriptors_max", process.descriptors_max);
  line.add("loop_lag_ms", process.loop_lag_ms);
  line.add("cpu_ms", (process.cpu_us - cpu_us_before_) / 1000);
  if (form == Workers::kListed) line.add("workers_silent_ms", silence_of(broker.workers(), now_ms));
  before_ = now;
  workers_before_ = workers.sum;
  cpu_us_before_ = process.cpu_us;
  line_ms_ = now_ms;
  broker.counters().first_byte_second.clear();
  return line.text() + "\n";
}

}  // namespace daphnis::broker

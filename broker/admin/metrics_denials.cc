#include "broker/admin/metrics_denials.h"

namespace daphnis::broker {

void add_denials(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  const Denials& denials = broker.denials();
  const ipc::WorkerStats sum = broker.workers().totals().sum;
  out.gauge("denylist_rules", "Rules of what may not be served, exceptions included",
            denials.list().rules);
  out.gauge("denylist_workers_behind", "Workers that have not taken the list in force yet",
            broker.workers().behind_denylist());
  out.gauge("denylist_cache_swept", "1 while no cached file has a block that is denied",
            denials.list().place.is_swept ? 1 : 0);
  out.counter("denylists_bad_total", "Reloads whose lists could not be used",
              counters.denylists_bad);
  out.begin(MetricKind::kCounter, "worker_requests_denied_total",
            "Requests refused or cut since they may not be served", "status");
  out.add("410", sum.denied);
  out.add("451", sum.denied_legally);
  out.counter_in_line("clients.denied", sum.denied + sum.denied_legally);
  out.counter("denied_blocks_total", "Streams of L2s that came to a block that is denied",
              counters.denied_blocks);
  out.counter("denied_again_total", "Fetches refused at once since they have such a block",
              counters.denied_again);
  out.gauge("denied_remembered", "Requests remembered to have such a block", denials.remembered());
  out.counter("cache_denied_total", "Cached files removed since they have a block that is denied",
              counters.cache_denied);
}

}  // namespace daphnis::broker

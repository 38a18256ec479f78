#include "broker/admin/metrics_absences.h"

namespace daphnis::broker {

void add_absences(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  const Dispatcher& dispatcher = broker.dispatcher();
  out.counter("fetches_shed_total", "Fetches refused since too many are under way",
              counters.fetches_shed);
  out.counter("fetches_shed_busy_total", "Fetches for which the broker was too busy",
              counters.fetches_shed_busy);
  out.begin(MetricKind::kGauge, "absences", "Contents and paths remembered not to be there",
            "kind");
  out.add("round", dispatcher.absences().size());
  out.add("path", dispatcher.absences().missing_paths());
  out.begin(MetricKind::kCounter, "absences_total", "Times something turned out not to be there",
            "kind");
  out.add("said", counters.absences_said);
  out.add("concluded", counters.absences_concluded);
  out.add("path", counters.absences_proven);
  out.begin(MetricKind::kCounter, "absence_hits_total",
            "Fetches of what is remembered not to be there", "kind");
  out.add("round", counters.absence_hits);
  out.add("path", counters.absence_hits_proven);
  out.begin(MetricKind::kCounter, "absences_forgotten_total",
            "Absences forgotten before their time", "reason");
  out.add("announced", counters.absences_announced);
  out.add("linked", counters.absences_linked);
  out.add("arrival", counters.absences_outdated);
  out.add("bound", counters.absences_dropped);
  out.counter("absences_wrong_total", "Fetches that were served all the same",
              counters.absences_wrong);
  out.counter("orders_fruitless_total", "Orders for unannounced content that brought nothing",
              counters.orders_fruitless);
  out.counter("fetches_fruitless_total", "Fetches stopped since too many orders brought nothing",
              counters.fruitless_refused);
  out.counter("fetches_fruitless_in_all_total", "Of these, since all clients caused too many",
              counters.fruitless_refused_in_all);
}

}  // namespace daphnis::broker

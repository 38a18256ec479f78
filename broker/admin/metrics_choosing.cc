#include "broker/admin/metrics_choosing.h"

namespace daphnis::broker {

void add_choosing(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  out.counter("hedges_total", "Orders beside one that was late for its L2, and not late yet",
              counters.hedges);
  out.counter("hedges_won_total", "Of these, those that served the fetch", counters.hedges_won);
  out.counter("hedges_uncharged_total", "Of these, beside an L2 that has never delivered",
              counters.hedges_uncharged);
  out.begin(MetricKind::kCounter, "hedges_refused_total",
            "Orders that were late for their L2 and alone", "reason");
  out.add("budget", counters.hedges_over_budget);
  out.add("overload", counters.hedges_overloaded);
  out.counter("slow_l2s_passed_over_total", "Times another L2 was asked first since one is slow",
              counters.slow_passed_over);
  out.counter("slow_l2s_probed_total", "Slow L2s that were asked first all the same",
              counters.slow_probed);
  out.counter("bounded_load_passed_over_total",
              "Times an order went past an L2 that had more than its share of the load",
              counters.bounded_load_passed_over);
  out.counter("slow_start_passed_over_total", "Of these, only since the L2 was new",
              counters.slow_start_passed_over);
  out.gauge("descent_pairs", "L2s remembered for what a block that they proved links to",
            broker.dispatcher().descent().size());
  out.counter("descent_learnt_total", "Of these, ever", counters.descent_learnt);
  out.counter("descent_hits_total", "L2s asked, or to be asked under observe, for that reason",
              counters.descent_hits);
  out.counter("descent_struck_total", "L2s forgotten since they did not bring the block",
              counters.descent_struck);
  out.gauge("deeds", "Roots that registered L2s have proven, each with its L2",
            broker.registrations().claims().deeds());
  out.counter("deeds_learnt_total", "Of these, ever", counters.deeds_learnt);
  out.counter("deeds_unasked_total",
              "Not-founds not said since an L2 that proved the root was not asked",
              counters.deeds_unasked);
  out.counter("claims_broken_total", "Announced roots that an L2 lacked, or was silent about",
              counters.claims_broken);
  out.counter("claims_mended_total", "Of these, those that the L2 delivered later after all",
              counters.claims_mended);
  out.counter("claims_refused_total", "Announcements of roots whose claim that L2 broke lately",
              counters.claims_refused);
  out.counter("claims_displaced_total", "Announced roots of strangers that made way for others",
              counters.claims_displaced);
  out.counter("strangers_passed_over_total", "Times an L2 came later since it has never delivered",
              counters.strangers_passed_over);
}

}  // namespace daphnis::broker

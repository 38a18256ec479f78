#include "broker/admin/metrics_tokens.h"

namespace daphnis::broker {

void add_tokens(Metrics& out, const Broker& broker) {
  const Counters& counters = broker.counters();
  size_t proven = 0;
  broker.registrations().registry().for_each(
      [&](const L2& l2) { proven += l2.is_proven() ? 1 : 0; });
  out.gauge("l2s_proven", "L2s registered that have proven their ids", proven, "l2s.proven");
  out.begin(MetricKind::kCounter, "l2_tokens_refused_total",
            "Registrations refused since their token or certificate is missing or not good",
            "reason");
  uint64_t refused = 0;
  for (size_t fault = 0; fault < kTokenFaults; ++fault) {
    out.add(name(static_cast<TokenFault>(fault)), counters.tokens_refused[fault]);
    refused += counters.tokens_refused[fault];
  }
  out.counter_in_line("tokens_refused", refused);
  out.counter("l2_tokens_renewed_total", "Successors given for tokens", counters.tokens_renewed);
  out.counter("l2_registrations_exempt_total",
              "Registrations let in without a token or certificate by their id",
              counters.registrations_exempt);
  out.counter("l2_registrations_revoked_total", "Registrations ended by a revocation",
              counters.registrations_revoked);
  out.counter("l2_auth_files_bad_total",
              "Files of secrets and lists of L2s that were not taken at a reload",
              counters.auth_files_bad);
}

}  // namespace daphnis::broker

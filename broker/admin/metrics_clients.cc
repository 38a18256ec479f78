#include "broker/admin/metrics_clients.h"

namespace daphnis::broker {

void add_client_addresses(Metrics& out, const ipc::WorkerStats& stats) {
  out.begin(MetricKind::kCounter, "client_bounds_reached_total",
            "What clients asked for beyond the share of one address", "bound");
  out.add("connections", stats.over_connections);
  out.add("requests", stats.over_requests);
  out.add("rate", stats.over_rate);
  out.counter("client_proxies_refused_total", "Connections closed at the port for proxies",
              stats.proxies_refused);
  out.begin(MetricKind::kCounter, "client_handshakes_total", "TLS handshakes of clients", "result");
  out.add("full", stats.handshakes_full);
  out.add("resumed", stats.handshakes_resumed);
  out.add("failed", stats.handshakes_failed);
}

}  // namespace daphnis::broker

#include "broker/admin/metrics_clients.h"

namespace daphnis::broker {

void add_client_addresses(Metrics& out, const ipc::WorkerStats& stats) {
  out.counter("client_proxies_refused_total", "Connections closed at the port for proxies",
              stats.proxies_refused);
}

}  // namespace daphnis::broker

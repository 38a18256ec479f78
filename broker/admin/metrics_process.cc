#include "broker/admin/metrics_process.h"

namespace daphnis::broker {

void add_process(Metrics& out, const ProcessGauges& process) {
  out.gauge("uptime_seconds", "Since the broker's start", process.uptime_ms / 1000, "uptime_s");
  out.gauge("resident_memory_bytes", "Resident memory of the broker", process.rss_bytes,
            "rss_bytes");
  out.gauge("open_descriptors", "Descriptors of the broker", process.descriptors, "descriptors");
  out.gauge("descriptors_max", "Its limit", process.descriptors_max, "descriptors_max");
  out.counter("cpu_microseconds_total", "User and system time of the broker", process.cpu_us);
  out.gauge("loop_lag_milliseconds", "Worst lateness of a timer since the last stats line",
            process.loop_lag_ms, "loop_lag_ms");
  out.counter("l2_proxies_refused_total", "Connections closed at the L2s' port for proxies",
              process.proxies_refused);
  out.begin(MetricKind::kCounter, "l2_handshakes_total", "TLS handshakes of L2s", "result");
  out.add("full", process.handshakes_full);
  out.add("resumed", process.handshakes_resumed);
  out.add("failed", process.handshakes_failed);
  out.counter("l2_hellos_refused_total", "Connections closed without a ClientHello",
              process.hellos_refused);
  out.gauge("l2_relays", "Connections of L2s whose content is relayed", process.relays);
  out.counter("log_lines_dropped_total", "Log lines nobody took", process.log_lines_dropped);
  out.counter("stats_lines_dropped_total", "Stats lines that could not be written",
              process.stats_lines_dropped);
  out.counter("attempt_lines_dropped_total", "Lines of attempts that could not be written",
              process.attempt_lines_dropped);
}

}  // namespace daphnis::broker

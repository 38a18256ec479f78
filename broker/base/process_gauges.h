#pragma once

#include <cstdint>
#include <string>

namespace daphnis::broker {

/// Gauges of the process, which only the shell can read; it passes them with each request for
/// stats.
struct ProcessGauges {
  std::string time;  ///< Now, RFC 3339, UTC, milliseconds.
  uint64_t uptime_ms = 0;
  uint64_t rss_bytes = 0;
  uint64_t descriptors = 0;
  uint64_t descriptors_max = 0;
  uint64_t cpu_us = 0;              ///< User and system time since the start.
  uint64_t loop_lag_ms = 0;         ///< The worst lateness of a timer since the last stats line.
  uint64_t proxies_refused = 0;     ///< Connections that were to bring a PROXY header.
  uint64_t handshakes_full = 0;     ///< TLS handshakes of L2s that were done without a ticket.
  uint64_t handshakes_resumed = 0;  ///< Those done by a ticket.
  uint64_t handshakes_failed = 0;
  uint64_t hellos_refused = 0;  ///< Connections closed without a ClientHello.
  uint64_t relays = 0;          ///< Connections of L2s whose content is relayed.
  uint64_t log_lines_dropped = 0;
  uint64_t stats_lines_dropped = 0;
  uint64_t attempt_lines_dropped = 0;
  // The cache folder.
  uint64_t cache_files_scrubbed = 0;
  uint64_t cache_bytes_scrubbed = 0;
  uint64_t cache_strays_removed = 0;  ///< Temporary files of workers that died.
  uint64_t cache_tasks = 0;           ///< Tasks given to the folder and not yet carried out.
};

}  // namespace daphnis::broker

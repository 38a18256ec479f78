// daphnis-worker: serves clients on a port that all workers share; one process per core.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/settings.h"
#include "worker/uv/process.h"

namespace {

using daphnis::worker::uv::Options;

constexpr int kExitUsage = 2;
constexpr int kExitFailure = 1;

struct Texts {
  std::string listen = "0.0.0.0:8080";
  std::string log_level = "info";
};

void add_limits(daphnis::uv::Settings& settings, daphnis::worker::Settings& to) {
  settings.add("client-head-ms", to.client_head_ms, "A request must be whole within this time");
  settings.add("client-idle-ms", to.client_idle_ms, "Keep-alive between requests");
  settings.add("client-rate-min", to.client_rate_min, "Bytes a second a reading client must take");
  settings.add("client-rate-window-ms", to.client_rate_window_ms, "Over which that is measured");
  settings.add("l2-first-block-ms", to.l2_first_block_ms, "Hand-off to first proven block");
  settings.add("l2-idle-ms", to.l2_idle_ms, "Silence of an L2 while it is read");
  settings.add("l2-rate-min", to.l2_rate_min, "Bytes a second an L2 must send while it is read");
  settings.add("l2-rate-window-ms", to.l2_rate_window_ms, "Over which that is measured");
  settings.add("request-ms", to.request_ms, "Request to first proven block, over all attempts");
  settings.add("broker-wait-ms", to.broker_wait_ms, "A request waits for an absent broker");
  settings.add("drain-ms", to.drain_ms, "Time to finish after SIGTERM");
  settings.add("requests-max", to.requests_max, "Requests in flight; beyond: 503");
  settings.add("clients-max", to.clients_max, "Connections; beyond, idle ones make room");
  settings.add("output-high-bytes", to.output_high_bytes, "Output queued for one client");
  settings.add("fetch-window-bytes", to.fetch_window_bytes, "Proven bytes held for late clients");
  settings.add("walk-depth-max", to.budget.depth_max, "Nodes from root to leaf");
  settings.add("walk-pending-bytes-max", to.budget.pending_bytes_max, "Links not yet visited");
  settings.add("walk-seen-bytes-max", to.budget.seen_bytes_max, "Memory of visited links");
  settings.add("answer-bytes-max", to.budget.output_bytes_max, "One answer");
  settings.add("repeat-bytes-max", to.budget.repeat_bytes_max, "Blocks kept to repeat them");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  Texts texts;
  daphnis::uv::Settings settings("daphnis-worker", "Serves CARs to HTTP clients, proven");
  options.socket_path = "daphnis.sock";
  settings.add("socket", options.socket_path, "The broker's Unix socket");
  settings.add("listen", texts.listen, "HOST:PORT for clients, shared by all workers");
  settings.add("index", options.index, "This worker's number");
  settings.add("log-level", texts.log_level, "debug, info, warn or error");
  add_limits(settings, options.settings);
  if (const auto exit_code = settings.parse(argc, argv)) return *exit_code;

  const auto listen = daphnis::uv::parse_address(texts.listen);
  daphnis::LogLevel level{};
  if (!listen || !daphnis::parse_log_level(texts.log_level, level)) {
    const std::string why = listen ? "--log-level is none of debug, info, warn, error"
                                   : "--listen: " + listen.error().text();
    std::fprintf(stderr, "daphnis-worker: %s\n", why.c_str());
    return kExitUsage;
  }
  options.listen = *listen;

  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);  // There is nothing to read again; the terminal's end is not ours.
  // A quarter is left to L2s, the broker, and what comes in a rush.
  const uint64_t descriptors = daphnis::uv::raise_descriptor_limit();
  options.settings.clients_max =
      std::min<uint64_t>(options.settings.clients_max, descriptors / 4 * 3);
  daphnis::uv::Log log("worker-" + std::to_string(options.index));
  log.set_level(level);
  daphnis::uv::Loop loop;
  daphnis::worker::uv::Process process(loop, log, options);
  if (const auto started = process.start(); !started) {
    log.error(daphnis::LogLine("start_failed").add("why", started.error().text()));
    return kExitFailure;
  }
  loop.run();
  log.info(daphnis::LogLine("stopped"));
  return 0;
}

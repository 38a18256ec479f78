#include <csignal>
#include <cstdio>

#include <algorithm>

#include "broker/uv/shell.h"
#include "common/core/check.h"
#include "common/uv/settings.h"

namespace daphnis::broker {
namespace {

/// Descriptors kept for everything that is no L2: workers, admin, files, hand-offs under way.
constexpr uint64_t kDescriptorsReserved = 512;

struct Options {
  Config config;
  ShellSettings shell{.socket = "daphnis.sock",
                      .l2_listen = {},
                      .admin_listen = "127.0.0.1:9090",
                      .stats_file = ""};
  std::string log_level = "info";
};

void add_options(uv::Settings& settings, Options& options) {
  constexpr uint64_t kMsMax = 3'600'000;
  Config& config = options.config;
  settings.add("socket", options.shell.socket, "Unix socket where workers connect");
  settings.add("l2-listen", options.shell.l2_listen, "HOST:PORT for L2s; may be repeated")
      ->required();
  settings.add("admin-listen", options.shell.admin_listen, "HOST:PORT of the admin endpoint");
  settings.add("stats-file", options.shell.stats_file,
               "File that gets a JSON line a second; - is stdout");
  settings.add("log-level", options.log_level, "Least level logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  settings.add("node-id", config.node_id, "This node's name, for Daphnis-Node-Id");
  const auto ms = [&](const char* name, uint64_t& value, const char* help) {
    settings.add(name, value, help)->check(CLI::Range(uint64_t{1}, kMsMax));
  };
  ms("first-byte-ms", config.first_byte_ms, "From an order to the head of the L2's POST");
  ms("fetch-deadline-ms", config.fetch_deadline_ms_max, "Longest wait for a first block");
  ms("suspect-ms", config.suspect_ms, "How long an L2 that lied is asked last");
  ms("heartbeat-ms", config.heartbeat_ms, "Between heartbeats on a registration");
  ms("l2-stuck-ms", config.l2_stuck_ms, "An L2 that takes nothing for so long is dropped");
  ms("replace-every-ms", config.replace_every_ms, "How often an id may change its connection");
  ms("l2-head-ms", config.head_ms, "For the head of an L2's request to arrive");
  ms("l2-idle-ms", config.idle_ms, "An L2's idle connection is closed after this");
  ms("linger-ms", config.linger_ms, "Draining after an early answer");
  ms("worker-hello-ms", config.hello_ms, "For a worker's first message to arrive");
  ms("worker-silence-ms", config.worker_silence_ms, "A silent worker is cut off after this");
  settings.add("tries", config.tries_max, "L2s that may fail or be silent for one fetch")
      ->check(CLI::Range(1U, 32U));
  settings.add("candidates", config.candidates_max, "L2s that are asked for one fetch")
      ->check(CLI::Range(size_t{1}, limits::kCandidatesMax));
  settings.add("l2s-max", config.l2s_max, "L2s registered at once")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}));
  settings.add("retry-after-s", config.retry_after_s, "Sent with every 503")
      ->check(CLI::Range(1U, 3600U));
}

int run(Options& options) {
  uv::Log log("broker");
  LogLevel level{};
  check(parse_log_level(options.log_level, level), "the settings let a strange level through");
  log.set_level(level);
  const uint64_t descriptors = uv::raise_descriptor_limit();
  const uint64_t usable =
      descriptors > 2 * kDescriptorsReserved ? descriptors - kDescriptorsReserved : descriptors / 2;
  options.config.connections_max =
      static_cast<size_t>(std::min<uint64_t>(options.config.connections_max, usable));
  uv::Loop loop;
  {
    Shell shell(loop, log, options.config, options.shell);
    shell.set_log_level(level);
    if (auto started = shell.start(); !started) {
      std::fprintf(stderr, "daphnis-broker: %s\n", started.error().text().c_str());
      return 1;
    }
    const uv::Signal on_term(loop, SIGTERM, [&] { shell.stop(); });
    const uv::Signal on_interrupt(loop, SIGINT, [&] { shell.stop(); });
    const uv::Signal on_hangup(loop, SIGHUP, [&] { shell.reopen(); });
    for (const uint16_t port : shell.l2_ports()) {
      log.info(LogLine("listening").add("for", "l2s").add("port", port));
    }
    log.info(LogLine("started")
                 .add("socket", options.shell.socket)
                 .add("admin_port", shell.admin_port())
                 .add("descriptors_max", descriptors));
    loop.run();
  }
  loop.run();  // Closes and the last stats line finish.
  log.info(LogLine("stopped"));
  return 0;
}

}  // namespace
}  // namespace daphnis::broker

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  daphnis::broker::Options options;
  daphnis::uv::Settings settings("daphnis-broker",
                                 "Registers L2s, chooses who is asked, hands answers to workers");
  daphnis::broker::add_options(settings, options);
  if (const auto exit_code = settings.parse(argc, argv)) return *exit_code;
  return daphnis::broker::run(options);
}

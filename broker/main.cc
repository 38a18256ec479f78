#include <malloc.h>

#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <list>
#include <random>

#include "broker/l2_http/web_pages.h"
#include "broker/uv/folder/spool_place.h"
#include "broker/uv/l2_auth_options.h"
#include "broker/uv/l2_listen_options.h"
#include "broker/uv/shell.h"
#include "common/base/check.h"
#include "common/uv/log_file.h"
#include "common/uv/settings_reader.h"

namespace daphnis::broker::uv {
namespace {

/// Descriptors kept free of L2s: for workers, admin, files and hand-offs under way.
constexpr uint64_t kDescriptorsReserved = 512;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;  ///< The settings are wrong, so another start would fail too.
/// malloc maps each block of at least this many bytes by itself.
constexpr int kMappedBytesMin = 256 * 1024;

struct Options {
  Settings settings;
  ShellSettings shell{.socket = "daphnis.sock",
                      .l2_listen = {"127.0.0.1:8090"},
                      .admin_listen = "127.0.0.1:8091",
                      .stats_file = "",
                      .attempts_file = ""};
  std::vector<std::string> trust_proxy;
  std::string log_level = "info";
  std::string log_file;
  std::string cache_policy = "gdsf";
  std::string cache_fsync = "none";
  uint64_t cache_scrub_mib_s = 8;
  bool chooses_spool_dir = false;  ///< The operator named no spool folder.
  /// A rule that may be off or only counted: its setting, and the word of the operator for it.
  struct Rule {
    RuleMode& mode;
    std::string word;
  };
  L2AuthOptions auth;
  std::list<Rule> rules;  ///< A list, since the words are written where they lie.
};

/// Adds the setting of a rule that may be off or only counted.
void add_rule(daphnis::uv::SettingsReader& reader, Options& options, const char* name,
              RuleMode& mode, const char* help) {
  check(mode == RuleMode::kOn, "the flags say that each rule is on by default");
  options.rules.push_back({.mode = mode, .word = "on"});
  reader.add_word(name, options.rules.back().word, {kRuleModeWords.begin(), kRuleModeWords.end()},
                  help);
}

void add_cache_options(daphnis::uv::SettingsReader& reader, Options& options) {
  constexpr uint64_t kBytesMax = uint64_t{1} << 60;
  Settings& settings = options.settings;
  reader.add("cache-dir", settings.cache_dir, "Folder of the cache; none is kept without it");
  reader.add_size("cache-limit", settings.cache_limit_bytes, uint64_t{0}, kBytesMax,
                  "Bytes the cache may have on disk");
  reader.add_word("cache-policy", options.cache_policy, {"gdsf", "lru-sp"},
                  "What a full cache gives up");
  reader.add_word("cache-fsync", options.cache_fsync, {"none", "data"},
                  "What is flushed before a file gets its name");
  reader.add_number("cache-expire-days", settings.cache_expire_days, 0U, 36'500U,
                    "Days after which a file goes that nobody asked for; 0: never");
  reader.add_number("cache-scrub-mib-s", options.cache_scrub_mib_s, uint64_t{0}, uint64_t{65'536},
                    "MiB/s that are read to verify cached files; 0: none");
  reader.add_number(
      "cache-verify-hours", settings.cache_verify_hours, 0U, 26'280U,
      "A cached file that is asked for and was not verified for so long is next; 0: none is");
  add_rule(reader, options, "block-index", settings.block_index,
           "Whether blocks of cached files answer requests for one block, or are only counted");
  reader.add_number("block-index-max", settings.block_index_max, size_t{0}, size_t{1'000'000'000},
                    "Blocks whose cached file is known, about 20 bytes each; 0: none");
  reader.add("spool-dir", settings.spool_dir,
             "Folder for what slow clients and other workers read along without a cache; none: "
             "nowhere. By default a folder of this broker's own under /dev/shm, or none where "
             "it can have none there");
  reader.add_size("spool-limit", settings.spool_limit_bytes, uint64_t{0}, kBytesMax,
                  "Bytes the spool folder may hold");
}

/// The spool folder of a broker on this socket: the same after each start, and not another
/// broker's.
std::string default_spool_dir(const std::string& socket) {
  const std::string path = std::filesystem::absolute(socket).lexically_normal();
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : path) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return fmt::format("/dev/shm/daphnis-{:016x}", hash);
}

std::string absolute(const std::string& path) {
  std::string text = std::filesystem::absolute(path).lexically_normal();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

/// Turns the words that the operator wrote into the core's settings.
void resolve_cache_options(Options& options) {
  Settings& settings = options.settings;
  settings.cache_policy =
      options.cache_policy == "lru-sp" ? CachePolicyKind::kLruSp : CachePolicyKind::kGdsf;
  settings.cache_syncs = options.cache_fsync == "data";
  settings.cache_scrub_bytes_per_s = options.cache_scrub_mib_s * limits::kMiB;
  if (!settings.cache_dir.empty()) settings.cache_dir = absolute(settings.cache_dir);
  if (settings.spool_dir == "none") {
    settings.spool_dir.clear();
  } else if (settings.spool_dir.empty()) {
    options.chooses_spool_dir = true;
  } else {
    settings.spool_dir = absolute(settings.spool_dir);
  }
}

void resolve_rules(Options& options) {
  for (const Options::Rule& rule : options.rules) rule.mode = rule_mode_of(rule.word);
}

void add_absence_options(daphnis::uv::SettingsReader& reader, Options& options) {
  add_rule(reader, options, "negative-memory", options.settings.negative_memory,
           "What lately turned out not to be there is answered 404 at once");
  add_rule(reader, options, "fruitless-bound", options.settings.fruitless_bound,
           "Clients whose requests cost many orders for nothing get 503 for more of them");
}

void add_options(daphnis::uv::SettingsReader& reader, Options& options) {
  constexpr uint64_t kMsMax = 3'600'000;
  Settings& settings = options.settings;
  reader.add("socket", options.shell.socket, "Unix socket where workers connect");
  add_l2_listen_options(reader, options.shell, options.trust_proxy);
  add_l2_auth_options(reader, options.auth);
  reader.add_address("admin-listen", options.shell.admin_listen, 0,
                     "Address of the admin endpoint");
  reader.add("stats-file", options.shell.stats_file,
             "File that gets a JSON line a second; - is stdout");
  reader.add("attempts-file", options.shell.attempts_file,
             "File that gets a JSON line for each attempt that has ended; - is stdout");
  reader.add_word("log-level", options.log_level, {"debug", "info", "warn", "error"},
                  "Least level logged");
  reader.add("log-file", options.log_file, "File for the log, opened anew on SIGUSR1");
  reader.add("node-id", settings.node_id, "This node's name, for Daphnis-Node-Id");
  const auto ms = [&](const char* name, uint64_t& value, const char* help) {
    reader.add_number(name, value, uint64_t{1}, kMsMax, help);
  };
  ms("first-byte-ms", settings.first_byte_ms,
     "From an order to the head of the L2's POST; then the next L2 is asked beside it");
  ms("first-byte-last-ms", settings.first_byte_last_ms,
     "From a fetch's last order until those without a POST are given up");
  ms("lost-holder-wait-ms", settings.lost_holder_wait_ms,
     "How long an answer that has begun waits for its only L2 to come back");
  ms("queue-wait-ms", settings.queue_wait_ms_max,
     "A wait for a place at an L2 that would be longer is refused");
  ms("fetch-deadline-ms", settings.fetch_deadline_ms_max, "Longest wait for a first block");
  ms("suspect-ms", settings.suspect_ms,
     "How long an L2 is asked last, the first time that it lied or failed too often");
  add_rule(reader, options, "ejection", settings.ejection,
           "Whether L2s that lie or fail too often are asked last, or only counted");
  add_rule(reader, options, "keep-id", settings.keep_id,
           "Whether a live id stays with its address, or takeovers are only counted");
  ms("heartbeat-ms", settings.heartbeat_ms, "Between heartbeats on a registration");
  ms("l2-stuck-ms", settings.l2_stuck_ms, "An L2 that takes nothing for so long is dropped");
  ms("replace-every-ms", settings.replace_every_ms, "How often an id may change its connection");
  ms("l2-head-ms", settings.head_ms, "For the head of an L2's request to arrive");
  ms("l2-idle-ms", settings.idle_ms, "An L2's idle connection is closed after this");
  ms("linger-ms", settings.linger_ms, "Draining after an early answer");
  ms("worker-hello-ms", settings.hello_ms, "For a worker's first message to arrive");
  ms("worker-silence-ms", settings.worker_silence_ms, "A silent worker is cut off after this");
  reader.add_number("tries", settings.tries_max, 1U, 32U,
                    "L2s that may fail or be silent for one fetch without progress in between");
  reader.add_number("failures", settings.failures_max, 1U, 1024U,
                    "L2s that may fail or be silent for one fetch in all");
  reader.add_size("progress-bytes", settings.progress_bytes_min, uint64_t{1}, uint64_t{1} << 40,
                  "Bytes of a fetch that count as progress");
  reader.add_number("candidates", settings.candidates_max, size_t{1}, limits::kCandidatesMax,
                    "L2s that are asked for one fetch");
  add_rule(reader, options, "hedging", settings.hedging,
           "Asks another L2 once an order is late for its L2; observe: only counts");
  add_rule(reader, options, "descent", settings.descent,
           "Asks who proved a block for what it links to; observe: only counts what that would do");
  add_rule(reader, options, "claims", settings.claims,
           "Trusts what L2s announce by what they have proven; observe: only counts");
  add_rule(reader, options, "complete-holdings", settings.complete_holdings,
           "Asks an L2 that announced all that it has for other things last; observe: only counts");
  add_rule(reader, options, "bounded-load", settings.bounded_load,
           "Whether the ring passes over an L2 that has 1.25 times its share of the load");
  reader.add_number("slow-start-ms", settings.slow_start_ms, uint64_t{0}, kMsMax,
                    "In which a new L2's share of the load grows to the whole; 0: at once");
  reader.add_number("l2s-max", settings.l2s_max, size_t{1}, size_t{1'000'000},
                    "L2s registered at once");
  reader.add_number("fetches-max", settings.fetches_max, size_t{1}, size_t{1'000'000},
                    "Fetches under way; beyond: 503");
  add_rule(reader, options, "shed-when-busy", settings.sheds_busy,
           "Without processor time to spare fewer fetches may be under way");
  reader.add_number("fetches-busy", settings.fetches_busy, size_t{1}, size_t{1'000'000},
                    "Fetches that --shed-when-busy leaves at least");
  reader.add_number("registrations-per-s", settings.registrations_per_s, uint64_t{0},
                    uint64_t{1'000'000}, "L2s that may register in a second; 0: no bound");
  const auto per_address = [&](const char* name, size_t& value, const char* help) {
    reader.add_number(name, value, size_t{0}, size_t{1'000'000'000}, help);
  };
  per_address("l2s-per-address", settings.l2s_per_address,
              "L2s of one address, or of one /64 of IPv6; 0: no bound");
  per_address("l2-connections-per-address", settings.l2_connections_per_address,
              "Their connections at the broker; 0: no bound");
  per_address("holdings-per-address", settings.holdings_per_address,
              "The roots they may announce; 0: no bound");
  reader
      .add("l2-origins", settings.l2_origins,
           "Web pages (scheme://host[:port]) that may use the L2s' port; may be repeated")
      ->check(CLI::Validator(
          [](std::string& text) {
            return is_origin(text) ? std::string() : "an origin is scheme://host[:port]";
          },
          "ORIGIN"))
      ->expected(1, static_cast<int>(limits::kL2OriginsMax));
  reader.add_number("retry-after-s", settings.retry_after_s, 1U, 3600U, "Sent with every 503");
  reader
      .add("denylist", options.shell.denylist.files,
           "A .deny file of what may not be served; may be repeated, the last line counts")
      ->expected(1, static_cast<int>(limits::kDenyFilesMax));
  add_absence_options(reader, options);
  add_cache_options(reader, options);
}

SpoolPlace choose_spool_dir(const std::string& socket, daphnis::uv::Log& log) {
  const auto random = [] {
    std::random_device source;
    return uint64_t{source()} << 32 | source();
  };
  SpoolPlace place = take_spool_place(default_spool_dir(socket), random);
  if (place.lack.empty()) return place;
  const char* event = place.dir.empty() ? "spools_off" : "spool_dir_moved";
  log.warn(LogLine(event).add("spool_dir", place.dir).add("reason", place.lack));
  return place;
}

/// Settles what single settings do not show to be wrong. Errors: kInvalid, kMalformed, kSystem.
Result<void> settle_auth(Options& options) {
  const L2Addresses addresses{.l2_listen = options.shell.l2_listen,
                              .l2_proxy_listen = options.shell.l2_proxy_listen,
                              .l2_tls_listen = options.shell.l2_tls_listen,
                              .client_ca = options.shell.tls.l2_ca};
  if (auto resolved = resolve_l2_auth(options.auth, addresses); !resolved) return resolved;
  options.shell.auth = options.auth.files;
  const auto read = read_l2_auth(options.shell.auth);
  return read ? Result<void>() : std::unexpected(read.error());
}

Result<void> settle_tls(Options& options) {
  if (options.shell.l2_tls_listen.empty()) return {};
  auto contexts = daphnis::uv::read_server_contexts(options.shell.tls);
  if (!contexts) return std::unexpected(contexts.error());
  options.shell.tls_context = std::move(contexts->for_l2s);
  return {};
}

/// Says why the settings are of no use. Returns the exit code.
int refuse(const Error& error) {
  std::fprintf(stderr, "daphnis-broker: %s\n", error.detail_text().c_str());
  return kExitUsage;
}

int run(Options& options, bool checks_only) {
  auto settled = settle_auth(options);
  if (settled) settled = settle_tls(options);
  if (!settled) return refuse(settled.error());
  if (checks_only) {
    if (auto read = check_denylist(options.shell.denylist.files); !read) {
      return refuse(read.error());
    }
    std::puts("daphnis-broker: the settings are good");
    return 0;
  }
  resolve_cache_options(options);
  resolve_rules(options);
  options.shell.trusted_proxies = daphnis::uv::to_cidr_set(options.trust_proxy);
  const daphnis::uv::LogFile log_file(options.log_file);
  if (auto opened = log_file.open(); !opened) {
    std::fprintf(stderr, "daphnis-broker: %s\n", opened.error().text().c_str());
    return opened.error().code == Errc::kInvalid ? kExitUsage : kExitFailure;
  }
  daphnis::uv::Log log("broker");
  LogLevel level{};
  check(parse_log_level(options.log_level, level), "the settings let a strange level through");
  log.set_level(level);
  const uint64_t descriptors = daphnis::uv::raise_descriptor_limit();
  const uint64_t usable =
      descriptors > 2 * kDescriptorsReserved ? descriptors - kDescriptorsReserved : descriptors / 2;
  options.settings.connections_max =
      static_cast<size_t>(std::min<uint64_t>(options.settings.connections_max, usable));
  SpoolPlace spools;
  if (options.chooses_spool_dir) {
    spools = choose_spool_dir(options.shell.socket, log);
    options.settings.spool_dir = spools.dir;
  }
  SpoolPlace denylists;
  if (!options.shell.denylist.files.empty()) {
    options.shell.denylist.dir = options.settings.spool_dir;
    if (!options.chooses_spool_dir || spools.dir.empty()) {
      denylists = choose_spool_dir(options.shell.socket, log);
      options.shell.denylist.dir = denylists.dir;
    }
  }
  daphnis::uv::Loop loop;
  {
    Shell shell(loop, log, options.settings, options.shell);
    shell.set_log_level(level);
    if (auto started = shell.start(); !started) {
      std::fprintf(stderr, "daphnis-broker: %s\n", started.error().text().c_str());
      return started.error().code == Errc::kInvalid ? kExitUsage : kExitFailure;
    }
    const daphnis::uv::Signal on_term(loop, SIGTERM, [&] { shell.stop(); });
    const daphnis::uv::Signal on_interrupt(loop, SIGINT, [&] { shell.stop(); });
    const daphnis::uv::Signal on_hangup(loop, SIGHUP, [&] {
      shell.reopen();
      shell.reload_auth();
      shell.reload_certificates();
      shell.reload_denylist();
    });
    const daphnis::uv::Signal on_rotated(loop, SIGUSR1, [&] {
      shell.reopen();
      if (auto opened = log_file.open(); !opened) {
        log.error(LogLine("log_file_not_reopened").add("error", opened.error().text()));
      }
    });
    for (const uint16_t port : shell.l2_ports()) {
      log.info(LogLine("listening").add("for", "l2s").add("port", port));
    }
    log.info(LogLine("started")
                 .add("socket", options.shell.socket)
                 .add("admin_port", shell.admin_port())
                 .add("descriptors_max", descriptors));
    loop.run();
  }
  loop.run();  // Handles close and the last lines are written.
  log.info(LogLine("stopped"));
  return 0;
}

}  // namespace
}  // namespace daphnis::broker::uv

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Large tables get mappings of their own, so that their memory goes back to the system when they
  // shrink. glibc would otherwise raise the threshold and keep such blocks on the heap, where one
  // small block above them holds them all.
  mallopt(M_MMAP_THRESHOLD, daphnis::broker::uv::kMappedBytesMin);
  daphnis::broker::uv::Options options;
  daphnis::uv::SettingsReader reader(
      "daphnis-broker", "Registers L2s, chooses who is asked, hands answers to workers");
  daphnis::broker::uv::add_options(reader, options);
  const daphnis::broker::uv::MintToken mint_token(reader);
  reader.set_checks_more();
  if (const auto exit_code = reader.parse(argc, argv)) return *exit_code;
  if (mint_token.is_asked_for()) return mint_token.run(options.auth.files.secrets);
  return daphnis::broker::uv::run(options, reader.checks_only());
}

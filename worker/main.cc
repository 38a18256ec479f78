// daphnis-worker: serves clients on a port that all workers share; one process per core.

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/log_file.h"
#include "common/uv/loop.h"
#include "common/uv/settings_reader.h"
#include "common/uv/tls/tls_options.h"
#include "worker/uv/shell.h"

namespace {

using daphnis::worker::uv::ShellSettings;

constexpr int kExitUsage = 2;  ///< The command line is wrong, so that another start is of no use.
constexpr int kExitFailure = 1;

struct Texts {
  std::string listen = "0.0.0.0:8080";
  std::string log_level = "info";
  std::string log_file;
  std::string access_log = "on";
  std::string cache_verify = "scrub";
  std::string keep_directories = "on";
  std::string shed_when_busy = "on";
  std::vector<std::string> trust_proxy;
  std::string proxy_listen;
  std::string tls_listen;
  std::string data_listen;
  std::string data_tls_listen;
  std::string client_address_header;
};

/// Parses "on", "off" or "sampled:N" into `every`: one line in so many is written, and 0 means
/// none. False where `text` is none of these.
bool parse_access_log(std::string_view text, uint32_t& every) {
  constexpr std::string_view kSampled = "sampled:";
  constexpr uint32_t kEveryMax = 1'000'000;
  if (text == "on" || text == "off") {
    every = text == "on" ? 1 : 0;
    return true;
  }
  if (!text.starts_with(kSampled)) return false;
  text.remove_prefix(kSampled.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), every);
  return error == std::errc() && end == text.data() + text.size() && every >= 1 &&
         every <= kEveryMax;
}

daphnis::peer::ClientField client_field_of(std::string_view header) {
  using enum daphnis::peer::ClientField;
  if (header.empty()) return kNone;
  return header == "Forwarded" ? kForwarded : kXForwardedFor;
}

void add_logs(daphnis::uv::SettingsReader& reader, Texts& texts) {
  reader.add_word("log-level", texts.log_level, {"debug", "info", "warn", "error"},
                  "Least level logged");
  reader.add("log-file", texts.log_file, "File for the log, opened anew on SIGUSR1");
  reader
      .add("access-log", texts.access_log,
           "A line for each request, whatever the level: on, off or sampled:N, one in N")
      ->check(CLI::Validator(
          [](std::string& text) {
            uint32_t every = 0;
            return parse_access_log(text, every) ? "" : std::string("none of on, off, sampled:N");
          },
          "on|off|sampled:N"));
}

/// A setting that must be another address than --listen: two sockets may share an address, so that
/// nothing else would find this.
CLI::Validator unlike_listen(const Texts& texts) {
  return CLI::Validator(
      [&texts](std::string& text) {
        const auto address = daphnis::uv::parse_address(text);
        const auto other = daphnis::uv::parse_address(texts.listen);
        const bool is_same = address && other && address->text() == other->text();
        return is_same ? std::string("it is that of --listen") : std::string();
      },
      "");
}

void add_tls(daphnis::uv::SettingsReader& reader, Texts& texts, ShellSettings& settings) {
  CLI::Option* certificate = daphnis::uv::add_tls_files(reader, settings.tls);
  reader
      .add_address("tls-listen", texts.tls_listen, 1, "Address for clients that speak TLS (https)")
      ->needs(certificate)
      ->check(unlike_listen(texts));
  daphnis::uv::add_l2_client_ca(reader, settings.tls.l2_ca)->needs(certificate);
  reader
      .add_address("data-tls-listen", texts.data_tls_listen, 1,
                   "As --data-listen, for L2s that speak TLS (https)")
      ->needs(certificate);
}

/// Reads the certificates, for clients and for L2s that deliver directly.
daphnis::Result<void> read_certificates(ShellSettings& settings) {
  if (settings.tls.certificates.empty()) return {};
  auto contexts = daphnis::uv::read_server_contexts(settings.tls);
  if (!contexts) return std::unexpected(contexts.error());
  settings.tls_contexts = std::move(*contexts);
  settings.settings.has_certificates = true;
  settings.settings.asks_l2_certificates = !settings.tls.l2_ca.empty();
  return {};
}

void add_client_addresses(daphnis::uv::SettingsReader& reader, Texts& texts) {
  CLI::Option* trust = reader.add_ranges(
      "trust-proxy", texts.trust_proxy,
      "Proxies in front that are believed when they say for whom they ask; may be repeated");
  reader
      .add_word("client-address-header", texts.client_address_header,
                {"X-Forwarded-For", "Forwarded"},
                "Where those proxies say it; the other is ignored")
      ->needs(trust);
  reader
      .add_address("proxy-listen", texts.proxy_listen, 1,
                   "Address where those proxies connect, with a PROXY header before the first byte")
      ->needs(trust)
      ->check(unlike_listen(texts));
}

void add_times(daphnis::uv::SettingsReader& reader, daphnis::worker::Settings& to) {
  constexpr uint64_t kMsMax = 3'600'000;
  const auto ms = [&](const char* name, uint64_t& value, const char* help) {
    reader.add_number(name, value, uint64_t{1}, kMsMax, help);
  };
  ms("client-head-ms", to.client_head_ms, "A request must be whole within this time");
  ms("client-idle-ms", to.client_idle_ms, "Keep-alive between requests");
  ms("client-rate-window-ms", to.client_rate_window_ms, "Over which client-rate-min is measured");
  ms("l2-first-block-ms", to.l2_first_block_ms, "Hand-off to first proven block");
  ms("l2-silence-ms", to.l2_idle_ms, "Silence of an L2 while it is read");
  ms("l2-slow-ms", to.l2_slow_ms, "Silence after which another L2 is started beside it");
  ms("l2-slow-window-ms", to.l2_slow_window_ms, "Window of the comparison with other L2s");
  reader.add_number("l2-slow-percent", to.l2_slow_percent, uint64_t{0}, uint64_t{100},
                    "Of other L2s' rate, below which another is started beside it");
  ms("loner-after-ms", to.loner_after_ms, "A reader that others wait for so long goes on alone");
  ms("yield-after-ms", to.yield_after_ms, "An L2 paused so long gets its place back");
  ms("slow-reader-window-ms", to.slow_reader_window_ms, "Over which slow-reader-rate is measured");
  ms("l2-rate-window-ms", to.l2_rate_window_ms, "Over which l2-rate-min is measured");
  ms("request-ms", to.request_ms, "Request to first proven block, over all attempts");
  ms("broker-wait-ms", to.broker_wait_ms, "A request waits for an absent broker");
  ms("drain-ms", to.drain_ms, "Time to finish after SIGTERM");
  ms("drain-idle-ms", to.drain_idle_ms, "Meanwhile, a client's time to ask once more");
}

void add_limits(daphnis::uv::SettingsReader& reader, daphnis::worker::Settings& to) {
  using daphnis::limits::kGiB;
  using daphnis::limits::kKiB;
  using daphnis::limits::kMiB;
  constexpr size_t kCountMax = 1'000'000;
  reader.add_size("client-rate-min", to.client_rate_min, uint64_t{0}, uint64_t{kGiB},
                  "Bytes a second a reading client must take");
  reader.add_size("l2-rate-min", to.l2_rate_min, uint64_t{0}, uint64_t{kGiB},
                  "Bytes a second an L2 must send while it is read");
  reader.add_number("requests-max", to.requests_max, size_t{1}, kCountMax,
                    "Requests in flight; beyond: 503");
  reader.add_number("requests-busy", to.fetches_busy, size_t{1}, kCountMax,
                    "Requests with fetches of their own that --shed-when-busy leaves at least");
  reader.add_number("clients-max", to.clients_max, size_t{1}, kCountMax,
                    "Connections; beyond, idle ones make room");
  reader.add_number("clients-per-address", to.clients_per_address, size_t{0}, kCountMax,
                    "Connections of one address, or of one /64 of IPv6; 0: no bound");
  reader.add_number("requests-per-address", to.requests_per_address, size_t{0}, kCountMax,
                    "Their requests under way; beyond: 429; 0: no bound");
  reader.add_number("request-rate-per-address", to.request_rate_per_address, uint64_t{0},
                    uint64_t{kCountMax}, "Their requests in a second; beyond: 429; 0: no bound");
  reader.add_size("slow-reader-rate", to.slow_reader_rate, uint64_t{0}, uint64_t{kGiB},
                  "Bytes a second below which a reader is cut if others wait for its L2");
  reader.add_number("loners-per-address", to.loners_per_address, size_t{0}, kCountMax,
                    "Readers that go on alone, per address; more are cut");
  reader.add_number("loners-max", to.loners_max, size_t{0}, kCountMax,
                    "Readers that go on alone; more are cut");
  reader.add_size("output-high-bytes", to.output_high_bytes, size_t{4 * kKiB}, size_t{kGiB},
                  "Output queued for one client");
  reader.add_size("fetch-window-bytes", to.fetch_window_bytes, size_t{4 * kKiB}, size_t{kGiB},
                  "Proven bytes held for late clients");
  reader.add_number("walk-depth-max", to.budget.depth_max, size_t{1}, kCountMax,
                    "Nodes from root to leaf");
  reader.add_size("walk-pending-bytes-max", to.budget.pending_bytes_max, size_t{kKiB},
                  size_t{64 * kGiB}, "Links not yet visited");
  reader.add_size("walk-seen-bytes-max", to.budget.seen_bytes_max, size_t{kKiB}, size_t{64 * kGiB},
                  "Memory of visited links");
  reader.add_size("answer-bytes-max", to.budget.output_bytes_max, uint64_t{1}, uint64_t{1} << 60,
                  "One answer");
  reader.add_size("repeat-bytes-max", to.budget.repeat_bytes_max, size_t{0}, size_t{64 * kGiB},
                  "Blocks kept to repeat them");
}

/// The address that a setting holds; none where it is empty.
std::optional<daphnis::uv::Address> optional_address(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto address = daphnis::uv::parse_address(text);
  daphnis::check(address.has_value(), "the settings let a strange address through");
  return *address;
}

/// The worker's own address of those that begin with this one. Errors: kInvalid.
daphnis::Result<std::optional<daphnis::uv::Address>> data_address(const std::string& first,
                                                                  uint32_t index) {
  auto address = optional_address(first);
  if (!address) return address;
  constexpr uint32_t kPortMax = 65'535;
  if (index > kPortMax - address->port) {
    return daphnis::fail(daphnis::Errc::kInvalid,
                         "there is no port " + std::to_string(address->port) + " + " +
                             std::to_string(index) + " for this worker's L2s");
  }
  address->port = static_cast<uint16_t>(address->port + index);
  return address;
}

}  // namespace

int main(int argc, char** argv) {
  ShellSettings shell_settings;
  Texts texts;
  daphnis::uv::SettingsReader reader("daphnis-worker", "Serves CARs to HTTP clients, proven");
  shell_settings.socket_path = "daphnis.sock";
  reader.add("socket", shell_settings.socket_path, "The broker's Unix socket");
  reader.add_address("listen", texts.listen, 1, "Address for clients, shared by all workers");
  reader.add_number("index", shell_settings.index, 0U, 1'000'000U, "This worker's number");
  add_logs(reader, texts);
  add_times(reader, shell_settings.settings);
  bool allows_sha1 = false;
  reader.add_flag("allow-sha1", allows_sha1, "Serve CIDs of sha1, which can be forged; uncached");
  reader.add_word("cache-verify", texts.cache_verify, {"scrub", "always"},
                  "always: what is sent of a cached file is checked by its checksums before");
  reader.add_word("keep-directories", texts.keep_directories,
                  {daphnis::kRuleModeWords.begin(), daphnis::kRuleModeWords.end()},
                  "A directory that lacks the name asked for goes into the cache");
  reader.add_word("shed-when-busy", texts.shed_when_busy,
                  {daphnis::kRuleModeWords.begin(), daphnis::kRuleModeWords.end()},
                  "Without processor time to spare fewer fetches may be under way");
  add_client_addresses(reader, texts);
  reader.add_address("data-listen", texts.data_listen, 1,
                     "Address where L2s deliver to this worker itself; worker N takes the port "
                     "plus N");
  add_tls(reader, texts, shell_settings);
  add_limits(reader, shell_settings.settings);
  reader.set_checks_more();
  if (const auto exit_code = reader.parse(argc, argv)) return *exit_code;

  const auto listen = daphnis::uv::parse_address(texts.listen);
  daphnis::LogLevel level{};
  daphnis::check(listen && daphnis::parse_log_level(texts.log_level, level) &&
                     parse_access_log(texts.access_log, shell_settings.access_line_every),
                 "the settings let something strange through");
  shell_settings.listen = *listen;
  shell_settings.proxy_listen = optional_address(texts.proxy_listen);
  shell_settings.tls_listen = optional_address(texts.tls_listen);
  const auto plain = data_address(texts.data_listen, shell_settings.index);
  const auto tls = data_address(texts.data_tls_listen, shell_settings.index);
  for (const auto* address : {&plain, &tls}) {
    if (*address) continue;
    std::fprintf(stderr, "daphnis-worker: %s\n", address->error().detail_text().c_str());
    return kExitUsage;
  }
  shell_settings.data_listen = {.plain = *plain, .tls = *tls};
  if (const auto read = read_certificates(shell_settings); !read) {
    std::fprintf(stderr, "daphnis-worker: %s\n", read.error().detail_text().c_str());
    return kExitUsage;
  }
  if (reader.checks_only()) {
    std::puts("daphnis-worker: the settings are good");
    return 0;
  }
  const daphnis::uv::LogFile log_file(texts.log_file);
  if (const auto opened = log_file.open(); !opened) {
    std::fprintf(stderr, "daphnis-worker: %s\n", opened.error().text().c_str());
    return opened.error().code == daphnis::Errc::kInvalid ? kExitUsage : kExitFailure;
  }
  shell_settings.settings.keeps_directories = daphnis::rule_mode_of(texts.keep_directories);
  shell_settings.settings.sheds_busy = daphnis::rule_mode_of(texts.shed_when_busy);
  shell_settings.settings.trusted_proxies = daphnis::uv::to_cidr_set(texts.trust_proxy);
  shell_settings.settings.client_field = client_field_of(texts.client_address_header);
  if (allows_sha1) shell_settings.settings.budget.sha1 = daphnis::Sha1::kAllowed;
  shell_settings.verifies_hits = texts.cache_verify == "always";

  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);  // Until it reloads.
  // A quarter of the descriptors is left for L2s, files and the broker.
  const uint64_t descriptors = daphnis::uv::raise_descriptor_limit();
  shell_settings.settings.clients_max =
      std::min<uint64_t>(shell_settings.settings.clients_max, descriptors / 4 * 3);
  daphnis::uv::Log log("worker-" + std::to_string(shell_settings.index));
  log.set_level(level);
  daphnis::uv::Loop loop;
  daphnis::worker::uv::Shell shell(loop, log, shell_settings);
  shell.start();
  // The end of a terminal must not end the worker either.
  const daphnis::uv::Signal on_reload(loop, SIGHUP, [&] { shell.reload(); });
  const daphnis::uv::Signal on_rotated(loop, SIGUSR1, [&] {
    if (const auto opened = log_file.open(); !opened) {
      log.error(daphnis::LogLine("log_file_not_reopened").add("error", opened.error().text()));
    }
  });
  loop.run();
  log.info(daphnis::LogLine("stopped"));
  return shell.exit_status();
}

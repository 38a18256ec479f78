// Simulates how the broker chooses among very many L2s that come and go, some of which are sybils.
// Prints a markdown table with one row for each number of addresses that the sybils have. See
// docs/performance.md.

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "bench/crowd_world.h"

namespace daphnis::bench {
namespace {

double percent(size_t part, size_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

double ratio(double sum, size_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

/// The quantile of sorted times.
uint32_t quantile(const std::vector<uint32_t>& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

std::string refusals(const std::map<int, size_t>& by_status) {
  std::vector<size_t> counts;
  for (const int status : {404, 502, 503, 504}) {
    const auto found = by_status.find(status);
    counts.push_back(found == by_status.end() ? 0 : found->second);
  }
  return fmt::format("{}", fmt::join(counts, " / "));
}

size_t peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) / 1024;
}

void print_head() {
  fmt::print(
      "| claims | sybils, addresses | first minute: served | orders a fetch | to sybils | 404 / "
      "502 "
      "/ 503 / 504 | then: served | orders a fetch | to sybils | 404 / 502 / 503 / 504 | first "
      "block, ms | of what nobody has | µs a request | µs a move | longest, ms | with deeds | MiB "
      "|\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | "
      "---: "
      "| ---: | ---: | ---: | ---: |\n");
  std::fflush(stdout);
}

std::string cells(const CrowdPart& part) {
  return fmt::format("{:.2f} % | {:.2f} | {:.1f} % | {}", percent(part.served, part.there),
                     ratio(static_cast<double>(part.served_orders), part.served),
                     percent(part.sybil_orders, part.orders), refusals(part.refused));
}

void print_row(const CrowdOptions& options, CrowdFigures figures) {
  std::ranges::sort(figures.first_block);
  const auto ms = [&](double q) { return quantile(figures.first_block, q); };
  std::map<int, size_t> absent = figures.parts[0].absent_refused;
  for (const auto& [status, count] : figures.parts[1].absent_refused) absent[status] += count;
  fmt::print(
      "| {} | {}, {} | {} | {} | {} / {} / {} | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} % | "
      "{} |\n",
      kRuleModeWords[static_cast<size_t>(options.claims)], figures.sybils_registered,
      options.sybil_addresses, cells(figures.parts[0]), cells(figures.parts[1]), ms(0.5), ms(0.95),
      ms(0.99), refusals(absent), ratio(figures.request_us, figures.requests),
      ratio(figures.move_us, figures.moves), figures.longest_us / 1e3,
      percent(figures.with_deeds, figures.registered), peak_mb());
  std::fflush(stdout);
}

/// Who got the orders of one part of the time, and for what.
void print_orders(const CrowdPart& part) {
  fmt::print(
      "  orders {}, of them to strangers {}, to sybils {} ({} for what these announced), for "
      "what nobody has {}\n",
      part.orders, part.stranger_orders, part.sybil_orders, part.sybil_claimed_orders,
      part.absent_orders);
}

void print_counters(const broker::Counters& counters) {
  const std::pair<const char*, uint64_t> figures[] = {
      {"orders beside others", counters.attempts_beside},
      {"hedges", counters.hedges},
      {"not found", counters.not_found},
      {"silent", counters.silent},
      {"claims broken", counters.claims_broken},
      {"claims refused", counters.claims_refused},
      {"claims displaced", counters.claims_displaced},
      {"deeds", counters.deeds_learnt},
      {"fetches queued", counters.fetches_queued},
      {"passed over for load", counters.bounded_load_passed_over},
      {"fruitless orders", counters.orders_fruitless},
      {"refused for these", counters.fruitless_refused},
      {"ejected for lies", counters.ejections_for_lies},
      {"ejected for failures", counters.ejections_for_failures},
  };
  for (const auto& [name, count] : figures) fmt::print("  {}: {}\n", name, count);
}

/// In a process of its own, so that its peak of memory is its own.
bool run_apart(const CrowdOptions& options, bool is_verbose) {
  const pid_t child = fork();
  if (child == 0) {
    CrowdFigures figures = CrowdWorld(options).run();
    const broker::Counters counters = figures.counters;
    const auto parts = figures.parts;
    print_row(options, std::move(figures));
    if (is_verbose) {
      for (const CrowdPart& part : parts) print_orders(part);
      print_counters(counters);
    }
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace
}  // namespace daphnis::bench

int main(int argc, char** argv) {
  using namespace daphnis;
  bench::CrowdOptions options;
  std::vector<std::string> claims = {"on"};
  std::vector<size_t> addresses = {options.sybil_addresses};
  bool is_verbose = false;
  CLI::App app("Choosing among very many L2s, in simulated time");
  app.add_option("--l2s", options.l2s, "L2s that there are")->capture_default_str();
  app.add_option("--roots", options.roots, "roots that they hold")->capture_default_str();
  app.add_option("--seconds", options.seconds, "simulated seconds")->capture_default_str();
  app.add_option("--rate", options.requests_per_s, "requests a second")->capture_default_str();
  app.add_option("--churn", options.churn, "part that leaves in a second")->capture_default_str();
  app.add_option("--sybils", options.sybils, "part that are sybils")->capture_default_str();
  app.add_option("--addresses", addresses, "that the sybils have; a row for each")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--absent", options.absent, "part asked that nobody has")->capture_default_str();
  app.add_option("--claims", claims, "the broker's --claims; a row for each")
      ->delimiter(',')
      ->check(CLI::IsMember(kRuleModeWords))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "another run for another seed")->capture_default_str();
  app.add_flag("--verbose", is_verbose, "also the broker's counters");
  CLI11_PARSE(app, argc, argv);
  bench::print_head();
  for (const size_t count : addresses) {
    for (const std::string& mode : claims) {
      options.sybil_addresses = count;
      options.claims = rule_mode_of(mode);
      if (!bench::run_apart(options, is_verbose)) return 1;
    }
  }
}

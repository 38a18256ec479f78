#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/sim/edge/world.h"

namespace daphnis::sim {
namespace {

std::optional<uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::optional(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kSlowdown = 4;  // Runs are slower, so there are fewer seeds.
#else
constexpr uint64_t kSlowdown = 1;
#endif

/// The number of seeds from which on rare events must be among them.
constexpr uint64_t kRareRounds = 1'000;

void check_happened(const char* what, uint64_t count) {
  CAPTURE(what);
  CHECK(count > 0);
}

/// Checks that enough has happened to files for the runs to test something.
void check_files(const Tally& sum) {
  check_happened("hits", sum.hits);
  check_happened("sub-DAG hits", sum.sub_dag_hits);
  check_happened("hits without L2s", sum.hits_without_l2);
  check_happened("answers of fetches under way", sum.fetching);
  check_happened("stores", sum.cache_stores);
  check_happened("evictions", sum.cache_evictions);
  check_happened("fetches that others' spools ended", sum.fetches_joined);
  check_happened("fetches that the cache ended", sum.fetches_cached);
  check_happened("spools of others opened", sum.joins_opened);
  check_happened("looks and reads that came later", sum.reads_later);
  check_happened("refused rooms", sum.reservations_refused);
  check_happened("files in the spool folder", sum.spool_dir_files);
  check_happened("purges", sum.purges);
  check_happened("limits", sum.limits_set);
  check_happened("objects to be warmed", sum.warms);
}

/// Checks that the effects of a bad disk and of deaths have happened.
void check_file_trouble(const Tally& sum) {
  check_happened("leaders that failed with readers in mid-file", sum.joins_broken);
  check_happened("workers killed while others read along", sum.leader_deaths);
  check_happened("readers that led from where they had come to", sum.heirs_with_skip);
  check_happened("readers that went on with an L2", sum.joins_went_on);
  check_happened("files lost while they were sent", sum.files_lost);
  check_happened("damaged files", sum.files_damaged);
  check_happened("quarantined files", sum.cache_quarantined);
  check_happened("files of no use", sum.cache_faults);
  check_happened("reads that failed", sum.reads_failed);
  check_happened("writes that failed", sum.writes_failed);
  check_happened("jobs cut by a death", sum.jobs_cut);
  check_happened("spools lost with their worker", sum.spools_lost);
  check_happened("folder tasks dropped by a death", sum.folder_tasks_dropped);
  check_happened("stores refused", sum.cache_stores_failed);
  check_happened("files found by scans", sum.scan_found);
  check_happened("strays removed", sum.strays_removed);
  check_happened("downs of the folder", sum.cache_downs);
}

/// Checks for what happens about once in a hundred seeds, too seldom for it to be in every few
/// hundred of them.
void check_rare(const Tally& sum) {
  check_happened("leaders that were killed late in an answer", sum.leader_deaths_late);
  check_happened("stores of what was held", sum.cache_stores_double);
}

/// DAPHNIS_SIM_SEED replays one seed, with a trace on stderr. DAPHNIS_SIM_ROUNDS sets the number of
/// seeds that are run, DAPHNIS_SIM_FIRST the first of them.
struct Seeds {
  explicit Seeds(uint64_t rounds) {
    if (const auto seed = number_from_environment("DAPHNIS_SIM_SEED")) {
      first = *seed;
      last = *seed;
      is_replay = true;
      return;
    }
    first = number_from_environment("DAPHNIS_SIM_FIRST").value_or(1);
    last = first + number_from_environment("DAPHNIS_SIM_ROUNDS").value_or(rounds) - 1;
  }
  uint64_t first;
  uint64_t last;
  bool is_replay = false;
};

void add(Tally& to, const Tally& from) {
  const auto* source = reinterpret_cast<const uint64_t*>(&from);
  auto* sum = reinterpret_cast<uint64_t*>(&to);
  for (size_t i = 0; i < sizeof(Tally) / sizeof(uint64_t); ++i) sum[i] += source[i];
}

uint64_t run_one(uint64_t seed, World::Kind kind, bool is_traced, Tally& sum) {
  World world(seed, kind);
  world.scene().is_traced = is_traced;
  world.run();
  add(sum, world.scene().tally);
  const std::string fault = world.scene().faults.empty() ? "" : world.scene().faults.front();
  INFO("replay it with DAPHNIS_SIM_SEED=" << seed);
  REQUIRE(fault == "");
  return world.scene().fingerprint;
}

Tally run_all(World::Kind kind, uint64_t rounds) {
  const Seeds seeds(rounds);
  Tally sum;
  for (uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    INFO("seed " << seed);  // Printed where a check ends the process.
    run_one(seed, kind, seeds.is_replay, sum);
  }
  return sum;
}

bool is_replay() {
  return Seeds(1).is_replay;
}

}  // namespace

TEST_CASE("whatever happens every fetch ends once and no cut answer looks complete") {
  const Tally sum = run_all(World::Kind::kStorm, 240 / kSlowdown);
  if (is_replay()) return;
  // The runs test something only if all this has happened in them.
  CHECK(sum.whole > sum.requests / 5);
  CHECK(sum.refused > 0);
  CHECK(sum.cut > 0);
  CHECK(sum.left > 0);
  CHECK(sum.half_closed > 0);
  CHECK(sum.cancels > sum.left / 6);
  CHECK(sum.unanswered > 0);
  CHECK(sum.sockets_lost > 0);
  CHECK(sum.sockets_returned > 0);
  CHECK(sum.surplus_returned > 0);
  CHECK(sum.pipelined > 0);
  CHECK(sum.l2_deaths > 0);
  CHECK(sum.worker_deaths > 0);
  CHECK(sum.broker_deaths > 0);
  for (const int status : {200, 404, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(sum.statuses[status] > 0);
  }
  check_happened("orders that an L2 drops since they were cancelled", sum.cancels_acknowledged);
  check_happened("uploads that begin in mid-output", sum.skips);
  check_happened("outputs of several L2s", sum.carried_on);
  check_happened("whole answers to clients that crawled", sum.crawled);
  check_happened("readers that went on alone", sum.loners);
  check_happened("readers that were cut since others waited", sum.readers_cut);
  check_happened("sources ended until there was room", sum.yields);
  check_happened("places that others waited for", sum.places_wanted);
  for (const Outcome outcome : ipc::kAttemptOutcomes) {
    CAPTURE(name_of(outcome));
    CHECK(sum.outcomes[static_cast<size_t>(outcome)] > 0);
  }
  for (size_t kind = 1; kind < kLinkFaultKinds; ++kind) {
    CAPTURE(kind);
    CHECK(sum.link_faults[kind] > 0);
  }
  for (size_t mood = 0; mood <= static_cast<size_t>(kMoodLast); ++mood) {
    CAPTURE(mood);
    CHECK(sum.moods[mood] > 0);
  }
  if (kSlowdown == 1) {
    check_files(sum);
    check_file_trouble(sum);
  }
  const auto rounds = number_from_environment("DAPHNIS_SIM_ROUNDS");
  if (!rounds) return;
  if (*rounds >= kRareRounds) check_rare(sum);
  WARN(sum.steps << " steps, " << sum.requests << " requests, " << sum.whole << " whole, "
                 << sum.refused << " refused, " << sum.cut << " cut, " << sum.handoffs
                 << " hand-offs, " << sum.sockets_returned << " returned");
  WARN(sum.hits << " hits, " << sum.sub_dag_hits << " of a sub-DAG, " << sum.fetching << " along, "
                << sum.fetches_joined << " joined, " << sum.joins_broken << " leaders lost, "
                << sum.joins_went_on << " went on, " << sum.cache_stores << " stored, "
                << sum.cache_evictions << " evicted, " << sum.reservations_refused
                << " rooms refused, " << sum.purges << " purges, " << sum.files_lost
                << " files lost, " << sum.cache_quarantined << " quarantined, " << sum.cache_downs
                << " downs, " << sum.strays_removed << " strays, " << sum.cache_stores_double
                << " double, " << sum.cache_stores_failed << " not stored, " << sum.spools_lost
                << " spools lost, " << sum.folder_tasks_dropped << " folder tasks dropped, "
                << sum.jobs_cut << " jobs cut, " << sum.spool_dir_files << " in the spool folder, "
                << sum.hits_without_l2 << " hits without L2s, " << sum.leader_deaths
                << " leaders killed, " << sum.leader_deaths_late << " of them late, " << sum.crawled
                << " crawlers served");
}

TEST_CASE("whatever other L2s do every client gets what a steady one holds") {
  const Tally sum = run_all(World::Kind::kBadL2s, 120 / kSlowdown);
  if (is_replay()) return;
  CHECK(sum.promised > sum.requests / 4);
  CHECK(sum.carried_on > sum.promised / 100);
  CHECK(sum.l2_deaths > 0);
  CHECK(sum.skips > 0);
  CHECK(sum.crawled > 0);
  if (kSlowdown == 1) CHECK(sum.leader_deaths > 0);
}

TEST_CASE("with honest L2s every client gets exactly what there is") {
  const Tally sum = run_all(World::Kind::kCalm, 60 / kSlowdown);
  if (is_replay()) return;
  CHECK(sum.whole > sum.requests / 2);
  CHECK(sum.statuses[404] > 0);
  CHECK(sum.cut == sum.slow_cut);
  CHECK(sum.crawled > 0);
  CHECK(sum.sockets_returned > 0);
  if (kSlowdown == 1) check_files(sum);
}

TEST_CASE("a seed replays exactly") {
  Tally unused;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    const uint64_t first = run_one(seed, World::Kind::kStorm, false, unused);
    CHECK(run_one(seed, World::Kind::kStorm, false, unused) == first);
  }
}

}  // namespace daphnis::sim

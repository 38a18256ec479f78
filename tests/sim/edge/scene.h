#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/slice.h"
#include "common/cachefile/counting_bloom_filter.h"
#include "tests/sim/edge/chance.h"
#include "tests/sim/edge/clock.h"
#include "tests/sim/edge/disk.h"
#include "tests/sim/edge/file_talk.h"
#include "tests/sim/edge/network.h"

namespace daphnis::sim {

/// How often things go wrong. All chances are "once in N", 0 for never.
struct Weather {
  bool is_calm = false;  ///< Nothing fails: every answer must be the best one.
  /// Neither workers, the broker and the disk fail nor the links between them, and there is time
  /// for all L2s to be tried: what a steady L2 holds must be served.
  bool is_edge_sound = false;
  unsigned socket_lost_one_in = 0;  ///< Sockets lost while they are handed over.
  unsigned mood_one_in = 0;         ///< Deliveries of L2s that are not honest.
  bool has_crawlers = false;  ///< Some clients read so slowly that they could keep others waiting.
  bool are_l2s_rude = false;  ///< L2s cut by resets, also behind POSTs without a reply.
  unsigned client_leaves_one_in = 0;
  unsigned scan_pause_ms = 0;      ///< Between two steps of a scan, as if the folder were larger.
  unsigned pipelined_one_in = 3;   ///< L2s that send a delivery behind the one under way.
  unsigned link_fault_one_in = 0;  ///< Connections of L2s whose link has faults.
  unsigned upload_pause_ms = 0;    ///< After each write of a delivery.
  /// Longer than all deadlines of a request together: how long a client waits for its next byte.
  uint64_t patience_ms = 60'000;
};

/// Counts what happened, so that a run that tests nothing is recognised.
struct Tally {
  uint64_t requests = 0;
  uint64_t whole = 0;    ///< Answers with content, complete and right.
  uint64_t refused = 0;  ///< Complete answers without content.
  uint64_t cut = 0;      ///< Answers that end in the middle, visibly.
  uint64_t unanswered = 0;
  uint64_t left = 0;         ///< Requests whose client went first.
  uint64_t half_closed = 0;  ///< Clients that ended their side when they had asked.
  uint64_t slow_cut = 0;     ///< Of these, those that were excused since a worker cut slow readers.
  uint64_t waits_refused = 0;  ///< Answers without content, since an L2's queue was too long.
  uint64_t readers_cut = 0;    ///< Readers that kept others waiting, as the workers counted.
  uint64_t loners = 0;         ///< Readers that left a shared fetch, as the workers counted.
  uint64_t yields = 0;         ///< Fetches that ended their sources until there was room, likewise.
  uint64_t places_wanted = 0;
  uint64_t crawled = 0;  ///< Whole answers to clients that crawled for a while.
  uint64_t statuses[600] = {};
  uint64_t cancels = 0;  ///< Fetches that workers gave up.
  uint64_t handoffs = 0;
  uint64_t outcomes[kOutcomes] = {};
  uint64_t sockets_lost = 0;
  uint64_t sockets_returned = 0;
  uint64_t surplus_returned = 0;  ///< Sockets that went back with bytes past the body.
  uint64_t pipelined = 0;         ///< Answers of L2s begun behind another.
  uint64_t moods[16] = {};
  uint64_t cancels_acknowledged = 0;  ///< By L2s that had not begun their upload.
  uint64_t skips = 0;                 ///< Honest uploads that begin where their fetch has come to.
  uint64_t promised = 0;    ///< Whole answers that had to come since a steady L2 has them.
  uint64_t carried_on = 0;  ///< Whole outputs of which several L2s sent proven blocks.
  uint64_t link_faults[kLinkFaultKinds] = {};
  uint64_t l2_deaths = 0;
  uint64_t worker_deaths = 0;
  uint64_t broker_deaths = 0;
  uint64_t steps = 0;
  // The cache and the disk.
  uint64_t hits = 0;          ///< Answers with X-Cache: HIT.
  uint64_t sub_dag_hits = 0;  ///< Hits from the file of the whole DAG.
  uint64_t hits_without_l2 = 0;
  uint64_t fetching = 0;              ///< Answers with X-Cache: FETCHING.
  uint64_t joins_opened = 0;          ///< Spools of another worker that were opened.
  uint64_t joins_broken = 0;          ///< Followers whose leader failed in mid-file.
  uint64_t joins_went_on = 0;         ///< Such followers that went on with an L2 of their own.
  uint64_t heirs_with_skip = 0;       ///< Such followers that said where their output had come to.
  uint64_t leader_deaths = 0;         ///< Workers killed while others read along in their spools.
  uint64_t leader_deaths_late = 0;    ///< When a fetch was older than its first output may be.
  uint64_t files_lost = 0;            ///< Files that failed while they were sent.
  uint64_t files_damaged = 0;         ///< Files that the weather damaged.
  uint64_t reads_later = 0;           ///< Reads of cached files that waited for the disk.
  uint64_t reads_failed = 0;          ///< Reads that the disk failed.
  uint64_t writes_failed = 0;         ///< Writes that the disk failed.
  uint64_t jobs_cut = 0;              ///< Jobs under way in a worker that died.
  uint64_t spool_dir_files = 0;       ///< Files made in the spool folder.
  uint64_t folder_tasks = 0;          ///< Given to the folder.
  uint64_t folder_tasks_dropped = 0;  ///< Lost with a broker that died.
  uint64_t scan_found = 0;            ///< Files.
  uint64_t strays_removed = 0;        ///< Of dead workers.
  uint64_t purges = 0;                ///< That took something out.
  uint64_t limits_set = 0;
  uint64_t warms = 0;
  uint64_t cache_stores = 0;  ///< The broker's own counters, of all its lives.
  uint64_t cache_stores_failed = 0;
  uint64_t cache_stores_double = 0;
  uint64_t cache_evictions = 0;
  uint64_t cache_faults = 0;
  uint64_t cache_quarantined = 0;
  uint64_t cache_downs = 0;
  uint64_t fetches_cached = 0;
  uint64_t fetches_joined = 0;
  uint64_t reservations_refused = 0;
  uint64_t spools_lost = 0;
};

/// The memory of a counting Bloom filter; lives as long as a process has it mapped.
struct SharedFilter {
  std::vector<uint32_t> words =
      std::vector<uint32_t>(CountingBloomFilter::kBytes / sizeof(uint32_t));
  CountingBloomFilter filter{
      {reinterpret_cast<uint8_t*>(words.data()), CountingBloomFilter::kBytes}};
};

/// The objects that all parts of one run share. Owned by the world; outlives its parts.
struct Scene {
  explicit Scene(uint64_t seed_)
      : seed(seed_), chance(seed_), clock(chance), network(clock, chance), disk(clock, chance) {}

  /// Reports a broken promise. The first one ends the run.
  void fail(std::string what) {
    faults.push_back(fmt::format("at {} ms: {}", clock.now_ms(), std::move(what)));
    trace("FAULT {}", faults.back());
  }
  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_traced) return;
    const std::string line = fmt::format(format, std::forward<Args>(args)...);
    std::fprintf(stderr, "%7lu  %s\n", clock.now_ms() % 1'000'000, line.c_str());
  }
  /// Traces `said` where words() has words for it.
  template <class Said>
  void trace_words(std::string_view who, const Said& said) {
    if (!is_traced) return;
    if (const std::string text = words(said); !text.empty()) trace("{}: {}", who, text);
  }
  /// Seconds since 1970, as all processes see them.
  [[nodiscard]] uint32_t wall_s() const {
    return static_cast<uint32_t>(1'700'000'000 + clock.now_ms() / 1000);
  }
  /// Folds an observed value into the run's fingerprint, which must be equal for equal seeds.
  void note(uint64_t what) {
    fingerprint = (fingerprint ^ what ^ clock.now_ms()) * 0x9e3779b97f4a7c15U;
    fingerprint ^= fingerprint >> 29;
  }

  uint64_t seed;
  Chance chance;
  Clock clock;
  Network network;
  Disk disk;
  std::set<uint32_t> pids;                                       ///< The pids of running workers.
  std::map<std::string, std::shared_ptr<SharedFilter>> filters;  ///< The filters, by path.
  uint32_t last_pid = 1000;
  BufferPool pool;
  Weather weather;
  Tally tally;
  std::vector<std::string> faults;
  uint64_t fingerprint = 0;
  bool is_traced = false;
};

}  // namespace daphnis::sim

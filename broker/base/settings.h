#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/cache_types.h"
#include "common/base/limits.h"
#include "common/base/rule_mode.h"

namespace daphnis::broker {

/// The settings of the core. Owned by main (or a test), copied into the broker.
struct Settings {
  std::string node_id = "daphnis";
  bool records_attempts = false;  ///< Each attempt's end comes as a WriteAttempt.
  // DESIGN 2, step 8.
  /// From the order line to the head of the L2's POST; then the next L2 is asked beside it, if not
  /// before (`hedging`).
  uint64_t first_byte_ms = 800;
  /// Whether the next L2 is asked once an order is late for its L2, and slow L2s come later.
  RuleMode hedging = RuleMode::kOn;
  /// From the last order of a fetch until the orders that are still without a POST end.
  uint64_t first_byte_last_ms = 3'000;
  uint64_t queue_wait_ms_max = 5'000;      ///< A wait for a place that would be longer is refused.
  uint32_t tries_max = limits::kTriesMax;  ///< Failures of one fetch without progress since.
  uint32_t failures_max = 16;              ///< Failures of one fetch in all.
  /// Bytes of output that count as progress.
  uint64_t progress_bytes_min = 4 * limits::kMiB;
  size_t candidates_max = limits::kCandidatesMax;
  /// How long a fetch in mid-answer waits, when nobody is left to ask, for an L2 that served it.
  uint64_t lost_holder_wait_ms = 15'000;
  uint64_t fetch_deadline_ms_max = 120'000;  ///< Upper bound of what a worker may ask for.
  /// Whether L2s are asked for what blocks that they proved link to (DESIGN 6).
  RuleMode descent = RuleMode::kOn;
  /// Whether announcements of L2s that never proved a block are trusted less (Claims, Strangers).
  RuleMode claims = RuleMode::kOn;
  /// Whether L2s that announced all that they have are asked last for anything else.
  RuleMode complete_holdings = RuleMode::kOn;
  /// The first ejection of an L2: so long it is asked after all others. Each further one is twice
  /// as long as the one before.
  uint64_t suspect_ms = 60'000;
  RuleMode ejection = RuleMode::kOn;      ///< Of L2s that lie or fail far more than others.
  RuleMode bounded_load = RuleMode::kOn;  ///< DESIGN 6; slow start is a part of it.
  /// The time in which a new L2's share of the load grows to the whole; 0: it has it at once.
  uint64_t slow_start_ms = 30'000;
  /// What lately turned out not to be there is not looked for again (Absences).
  RuleMode negative_memory = RuleMode::kOn;
  /// Orders for content that nobody announced end where too many came to nothing (FruitlessOrders).
  RuleMode fruitless_bound = RuleMode::kOn;
  size_t fetches_max = limits::kFetchesMax;  ///< Under way at once; beyond: kOverloaded.
  /// Where the broker is busy all the time, fewer may be under way, down to fetches_busy.
  RuleMode sheds_busy = RuleMode::kOn;
  size_t fetches_busy = 4'096;
  // Registrations (DESIGN 3.1).
  uint64_t heartbeat_ms = 5'000;
  uint64_t l2_stuck_ms = 15'000;  ///< An L2 whose socket takes nothing for this long is dropped.
  uint64_t replace_every_ms = 5'000;  ///< Least time between two changes of one id's connection.
  /// A live id stays with the address that has it, until that connection is dead.
  RuleMode keep_id = RuleMode::kOn;
  uint32_t retry_after_s = 5;  ///< Sent with every 503.
  size_t l2s_max = limits::kL2sMax;
  /// Registrations a second, beyond those that may come at once; 0: no bound.
  uint64_t registrations_per_s = limits::kRegistrationsPerS;
  size_t connections_max = limits::kL2ConnectionsMax;
  // Bounds for one network: an IPv4 address, or a /64 of IPv6; 0: no bound.
  size_t l2s_per_address = limits::kL2sPerAddress;
  size_t l2_connections_per_address = limits::kL2ConnectionsPerAddress;
  size_t holdings_per_address = limits::kHoldingsPerAddress;
  // An L2's other connections.
  uint64_t head_ms = 10'000;        ///< From a request's first byte to the end of its head.
  uint64_t first_head_ms = 30'000;  ///< From connecting to the first byte.
  uint64_t idle_ms = 600'000;       ///< Between requests.
  uint64_t body_ms = 60'000;        ///< For a whole holdings body.
  uint64_t linger_ms = 1'000;       ///< Time to drain after an early reply (DESIGN 4a).
  /// Web pages whose visitors' browsers may use the L2s' port; at most limits::kL2OriginsMax.
  std::vector<std::string> l2_origins = {};
  // Workers (DESIGN 4).
  uint64_t hello_ms = 5'000;
  uint64_t ping_every_ms = limits::kWorkerPingEveryMs;          ///< To a worker that sends nothing.
  uint64_t worker_unanswered_ms = limits::kWorkerUnansweredMs;  ///< From a ping until it is silent.
  uint64_t worker_silence_ms = 60'000;  ///< Then it is cut off; the supervisor kills it earlier.
  // The cache (DESIGN 7).
  std::string cache_dir = {};  ///< Absolute; empty: there is no cache.
  uint64_t cache_limit_bytes = 10 * uint64_t{limits::kGiB};
  CachePolicyKind cache_policy = CachePolicyKind::kGdsf;
  bool cache_syncs = false;        ///< Workers call fdatasync before a file gets its name.
  uint32_t cache_expire_days = 0;  ///< A file unused for this long is removed; 0: never.
  uint32_t cache_verify_hours =
      24;  ///< Age of the last proof at which a hit asks for one; 0: never.
  uint64_t cache_scrub_bytes_per_s = 8 * limits::kMiB;  ///< 0: no scrubbing.
  RuleMode block_index = RuleMode::kOn;  ///< Blocks of cached files answer requests for one block.
  size_t block_index_max = 4'000'000;    ///< Blocks of which the file is known; 0: as kOff.
  std::string spool_dir = {};            ///< Absolute; empty: no spools outside the cache.
  uint64_t spool_limit_bytes = 256 * limits::kMiB;
};

}  // namespace daphnis::broker

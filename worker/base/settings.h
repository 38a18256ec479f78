#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/cidr_set.h"
#include "common/base/limits.h"
#include "common/base/rule_mode.h"
#include "common/peer/forwarded.h"
#include "common/proof/walk_budget.h"

namespace daphnis::worker {

/// What an operator can set, with its defaults. Fixed at start; owned by main. Times are
/// milliseconds, rates bytes per second.
struct Settings {
  uint64_t client_head_ms = 10'000;  ///< The time for a request's head and body.
  uint64_t client_idle_ms = 60'000;  ///< The time that a connection may stay open between requests.
  uint64_t client_rate_window_ms = 60'000;  ///< The window over which a client's rate is measured.
  uint64_t client_rate_min = 512;           ///< A client that takes less is cut off.
  uint64_t l2_first_block_ms = 10'000;  ///< The time from the hand-off to the first proven block.
  uint64_t l2_idle_ms = 30'000;         ///< The time that an L2 may send nothing while it is read.
  /// The time that an L2 may send nothing, while it is read, before another is started beside it.
  uint64_t l2_slow_ms = 3'000;
  /// The window over which an L2 must send this part of what other L2s send, lest another is
  /// started beside it.
  uint64_t l2_slow_window_ms = 5'000;
  uint64_t l2_slow_percent = 10;
  uint64_t l2_rate_window_ms = 30'000;  ///< The window over which an L2's rate is measured.
  uint64_t l2_rate_min = 1'024;         ///< An L2 that sends less while it is read is given up.
  /// A reader that has been far behind for so long, while others of its fetch wait for it, goes on
  /// alone.
  uint64_t loner_after_ms = 2'000;
  size_t loners_per_address = 4;  ///< Of one IPv4 address or one /64; more are cut.
  size_t loners_max = 32;         ///< Of all clients; more are cut.
  /// Sources that their readers have paused for so long are ended until there is room.
  uint64_t yield_after_ms = 10'000;
  /// Readers that take less, over that window, are cut where others wait for their L2, unless it
  /// could be yielded.
  uint64_t slow_reader_rate = 16 * limits::kKiB;
  uint64_t slow_reader_window_ms = 60'000;
  /// The time to the first proven block, over all attempts; in mid-answer, from the end of a source
  /// to the next output.
  uint64_t request_ms = 30'000;
  uint64_t broker_wait_ms = 2'000;  ///< The time that a request waits for a broker that is away.
  uint64_t drain_ms = 29'000;       ///< The time to finish after the command to leave.
  uint64_t drain_idle_ms = 2'000;   ///< The time that a client may stay idle meanwhile.
  /// The block that proves that a path does not exist goes into the cache.
  RuleMode keeps_directories = RuleMode::kOn;
  CidrSet trusted_proxies = {};  ///< Who is believed when it says for whom it asks.
  /// The header field in which trusted proxies say that.
  peer::ClientField client_field = peer::ClientField::kNone;
  // What the clients of one IPv4 address, or one /64, have of this worker; 0: no bound.
  size_t clients_per_address = 1'024;         ///< Connections; beyond: 429.
  size_t requests_per_address = 512;          ///< Requests under way; beyond: 429.
  uint64_t request_rate_per_address = 1'000;  ///< Requests in a second, and at once.
  size_t requests_max = 4'096;  ///< Requests that wait for content; more are answered 503 at once.
  /// Where the process is busy all the time, fewer fetches may be under way, down to fetches_busy.
  RuleMode sheds_busy = RuleMode::kOn;
  size_t fetches_busy = 128;
  size_t clients_max = 16'384;  ///< Client connections; more are closed as they come.
  /// High watermark of a client's output queue; the low one is half of it.
  size_t output_high_bytes = 1 * limits::kMiB;
  /// Proven bytes that a fetch holds in memory for late or slow clients.
  size_t fetch_window_bytes = limits::kFetchWindowBytesMax;
  /// There are certificates: the broker may pass on connections of L2s that ask for this worker by
  /// its name.
  bool has_certificates = false;
  bool asks_l2_certificates = false;  ///< Over TLS, only of L2s that show a good one.
  WalkBudget budget = {};
};

}  // namespace daphnis::worker

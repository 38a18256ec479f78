#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/timers.h"
#include "broker/registry/network.h"
#include "common/base/limits.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// What an L2 understands (DESIGN 3.1): a deployed node gets ids and the root alone and sends the
/// whole DAG; a v2 node gets the whole request and sends just that.
enum class Generation : uint8_t { kLegacy, kV2 };

/// What an L2 says of itself when it registers. Valid by construction of its parser.
struct Registration {
  std::string l2_id;  ///< 1 to 64 of [A-Za-z0-9._-].
  Generation generation = Generation::kLegacy;
  uint32_t capacity = limits::kL2CapacityDefault;  ///< Attempts at once.
  bool is_chunked = true;  ///< False for HTTP/1.0, whose streams end by close.
};

/// What became of an L2's attempts, since it registered.
struct L2Tally {
  uint64_t orders = 0;
  uint64_t complete = 0;
  uint64_t not_found = 0;
  uint64_t silent = 0;  ///< No POST before the deadline, or a stall.
  uint64_t failed = 0;  ///< Cut, lost or ended too early.
  uint64_t lied = 0;    ///< Failed verification.
  uint64_t cancelled = 0;
  uint64_t car_bytes = 0;  ///< As its workers counted them.
};

/// One registered L2. Owned by the Registry; lives from its registration until its stream is lost,
/// over changes of connection under the same id.
struct L2 {
  L2No no{};
  Registration registration;
  ConnId conn{};         ///< Its registration stream.
  std::string address;   ///< The stream's peer, without port.
  Network network{};     ///< The address's.
  uint64_t session = 1;  ///< Counts connections under this id.
  /// Of this connection, told to nobody but the L2 (Daphnis-Session): who says it is the L2.
  Uuid session_key{};
  uint64_t registered_ms = 0;
  uint64_t replaced_ms = 0;       ///< When the connection last changed; 0: never.
  uint64_t contest_told_ms = 0;   ///< When the log last told of a refused other one; 0: never.
  std::vector<Uuid> attempts;     ///< Ordered or handed off; at most the capacity.
  std::deque<FetchNo> waiting;    ///< For a free place; at most kL2QueueMax.
  uint64_t suspect_until_ms = 0;  ///< Lied lately: asked after all others until then.
  // The registration stream.
  uint64_t unsent_bytes = 0;   ///< Written and not yet taken by the kernel.
  uint64_t taken_ms = 0;       ///< When it last took some, or had nothing to take.
  uint64_t over_since_ms = 0;  ///< Since when it has had more than its bound; 0: it has not.
  bool is_accused = false;     ///< Seen stuck once; the next look decides.
  bool is_given_up = false;    ///< To be dropped at the end of this input.
  TimerSlot heartbeat;
  L2Tally tally;

  [[nodiscard]] const std::string& id() const { return registration.l2_id; }
  [[nodiscard]] bool is_v2() const { return registration.generation == Generation::kV2; }
  /// Unsent bytes beyond which it gets no order: a full set of ordinary order lines fits.
  [[nodiscard]] size_t unsent_bytes_max() const {
    return std::max(limits::kL2UnsentBytesMax,
                    registration.capacity * limits::kL2UnsentBytesPerPlace);
  }
  /// It does not take what it was sent: an order would only lie there.
  [[nodiscard]] bool is_behind(uint64_t now_ms) const {
    return unsent_bytes >= unsent_bytes_max() ||
           (unsent_bytes > 0 && now_ms - taken_ms >= limits::kL2BehindMs);
  }
  [[nodiscard]] bool has_free_place() const { return attempts.size() < registration.capacity; }
  [[nodiscard]] bool has_queue_place() const { return waiting.size() < limits::kL2QueueMax; }
  [[nodiscard]] bool is_suspect(uint64_t now_ms) const { return now_ms < suspect_until_ms; }
};

}  // namespace daphnis::broker

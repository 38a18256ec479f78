#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "broker/auth/l2_auth.h"
#include "broker/base/ids.h"
#include "broker/base/settings.h"
#include "broker/base/timers.h"
#include "broker/health/health.h"
#include "broker/registry/capabilities.h"
#include "broker/registry/l2_line.h"
#include "broker/registry/places.h"
#include "broker/registry/strangers.h"
#include "common/base/limits.h"
#include "common/base/network.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// The contents of an L2's request to register. The parser makes only valid ones.
struct Registration {
  std::string l2_id;  ///< 1 to 64 of [A-Za-z0-9._-].
  Capabilities capabilities = {};
  uint32_t capacity = limits::kL2CapacityDefault;  ///< Attempts at once.
  /// The token by which it has proven that the id is its own, once L2Auth has found it good;
  /// nullopt: it has shown none.
  std::optional<ShownToken> token = {};
  std::string dialled_host = {};  ///< The host by which it reaches this edge; empty: unknown.
  bool over_tls = false;          ///< Its line goes over TLS, and so must what it delivers.
  /// Its certificate has proven that the id is its own, and so must that of what it delivers.
  bool is_certified = false;

  /// It has shown that its id is its own.
  [[nodiscard]] bool is_proven() const { return token.has_value() || is_certified; }
};

/// Counts of the ends of an L2's attempts, since it registered.
struct L2Tally {
  uint64_t orders = 0;
  uint64_t complete = 0;
  uint64_t not_found = 0;
  uint64_t silent = 0;  ///< No POST before the deadline, or a stalled stream.
  uint64_t failed = 0;  ///< A stream cut or ended too early, or a lost registration.
  uint64_t lied = 0;    ///< The bytes failed verification.
  uint64_t cancelled = 0;
  uint64_t car_bytes = 0;  ///< As the workers counted them.
};

/// One registered L2. Owned by the Registry; lives from its registration until that is lost, and
/// goes on where another connection takes its id over.
struct L2 {
  L2No no{};
  Registration registration;
  std::unique_ptr<L2Line> line;  ///< The way to it; Registrations writes to it.
  std::string address;           ///< The address of its peer, without port.
  Network network{};             ///< The network of the address.
  uint64_t session = 1;          ///< Counts connections under this id.
  /// Counts the arrivals of all L2s: each registration, new or in place of another, is one. So is
  /// the return of an L2 that was not asked for a while.
  uint64_t arrival = 0;
  /// The key of this registration. Only the L2 was told it, so whoever shows it is the L2.
  Uuid session_key{};
  uint64_t registered_ms = 0;
  uint64_t replaced_ms = 0;          ///< When the connection last changed; 0: never.
  uint64_t contest_told_ms = 0;      ///< When the log last told of a rival for the id; 0: never.
  Places places;                     ///< Taken ones; at most the capacity.
  std::deque<FetchNo> waiting;       ///< Fetches that wait for a place; at most kL2QueueMax.
  Health* health = nullptr;          ///< What is known of it; owned by the HealthBook.
  double weight = 1;                 ///< The operator's; kL2WeightMin to kL2WeightMax (ring.h).
  uint64_t new_since_ms = 0;         ///< When it came last after more than kL2ReturnMs away.
  bool is_complete = false;          ///< It has announced all that it has.
  bool is_announcement_cut = false;  ///< Something that it announced was not kept.
  // What Strangers keeps of it.
  NetworkStrangers* strangers = nullptr;  ///< Of its network; owned by Strangers.
  Network strangers_network{};            ///< The network that these are of.
  size_t unanswered_as_stranger = 0;      ///< Its part of NetworkStrangers::unanswered.
  bool waits_for_strangers = false;       ///< It is in NetworkStrangers::waiting.
  // What is written to the line.
  uint64_t unsent_bytes = 0;   ///< Written and not yet taken by the transport.
  uint64_t taken_ms = 0;       ///< When the transport last took some, or had all.
  uint64_t over_since_ms = 0;  ///< Since when unsent_bytes is at its bound; 0: it is not.
  bool is_accused = false;     ///< Seen stuck once; the next timer decides.
  bool is_given_up = false;    ///< It is dropped at the end of this input.
  TimerSlot heartbeat;
  TimerSlot places_timer;  ///< For the next place that an order given up leaves by its age.
  TimerSlot wanted_timer;  ///< Set for a while once workers were told that its places are wanted.
  L2Tally tally;

  [[nodiscard]] const std::string& id() const { return registration.l2_id; }
  /// It has shown that its id is its own.
  [[nodiscard]] bool is_proven() const { return registration.is_proven(); }
  [[nodiscard]] const Capabilities& capabilities() const { return registration.capabilities; }
  /// The unsent bytes from which on it gets no order; an ordinary order for each place is less.
  [[nodiscard]] size_t unsent_bytes_max() const {
    return std::max(limits::kL2UnsentBytesMax,
                    registration.capacity * limits::kL2UnsentBytesPerPlace);
  }
  /// True where the L2 does not read its orders, so that an order would only lie unsent.
  [[nodiscard]] bool is_behind(uint64_t now_ms) const {
    return unsent_bytes >= unsent_bytes_max() ||
           (unsent_bytes > 0 && now_ms - taken_ms >= limits::kL2BehindMs);
  }
  /// How many orders it gets at once: its capacity, or one while it is on probation.
  [[nodiscard]] size_t places_max() const {
    return health && health->is_on_probation() ? 1 : registration.capacity;
  }
  /// No block of it was ever proven.
  [[nodiscard]] bool is_stranger() const { return health && !health->has_deeds(); }
  /// It is a stranger, and those of its network have all the orders that they may have.
  [[nodiscard]] bool is_held_back() const {
    return is_stranger() && strangers && strangers->mode == RuleMode::kOn && strangers->is_full();
  }
  [[nodiscard]] bool has_free_place() const {
    return places.taken() < places_max() && !is_held_back();
  }
  /// True where its connection has taken nothing of what is written to it for a heartbeat's time.
  [[nodiscard]] bool is_silent(uint64_t now_ms, const Settings& settings) const {
    return unsent_bytes > 0 && now_ms - taken_ms >= settings.heartbeat_ms;
  }
  [[nodiscard]] bool has_queue_place() const { return waiting.size() < limits::kL2QueueMax; }
  /// How long a fetch that comes now is likely to wait for a place, in ms; 0: nobody knows yet.
  [[nodiscard]] uint64_t queue_wait_ms() const {
    return (waiting.size() + 1) * places.held_ms() / places_max();
  }
  /// It is asked after all others.
  [[nodiscard]] bool is_ejected(uint64_t now_ms) const {
    return health && health->is_ejected(now_ms);
  }
};

}  // namespace daphnis::broker

#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/minute_share.h"
#include "common/base/network.h"
#include "common/base/rule_mode.h"

namespace daphnis::broker {

struct L2;

/// Orders that the strangers of one network may have at once without that anything came of them.
inline constexpr size_t kStrangerOrdersPerNetwork = 8;
/// Strangers of one network that one fetch asks before all others are asked.
inline constexpr size_t kStrangersPerNetworkAndFetch = 4;
/// One order in so many may be a stranger's that came to nothing, but for kStrangerOrdersFree in a
/// minute. What strangers deliver costs nothing: after the edge's own restart all L2s are
/// strangers.
inline constexpr uint64_t kOrdersPerStrangerOrder = 20;
inline constexpr uint64_t kStrangerOrdersFree = 32;

/// What the strangers of one network have.
struct NetworkStrangers {
  size_t l2s = 0;           ///< The network's registered L2s, be they strangers or not.
  size_t unanswered = 0;    ///< Orders of its strangers of which no POST came yet.
  std::deque<L2*> waiting;  ///< Strangers with fetches that wait until that is less; distinct.
  RuleMode mode{};          ///< Whether the bound is applied.

  [[nodiscard]] bool is_full() const { return unanswered >= kStrangerOrdersPerNetwork; }
};

/// Bounds what strangers get: L2s of which no block was ever proven (DESIGN 6, claims). An id costs
/// nothing and neither does an announcement, so all strangers of one network share
/// kStrangerOrdersPerNetwork orders, and all strangers together may have a twentieth of the edge's
/// orders in vain.
/// Owned by Registrations.
class Strangers {
 public:
  explicit Strangers(RuleMode mode) : mode_(mode) {}

  /// An L2 has registered, or comes from that network now. Its orders count there from now on.
  void enter(L2& l2);
  /// The L2 leaves the network that it has entered, before it is forgotten or enters another one.
  void leave(L2& l2);
  /// Counts the orders of an L2 anew, after one was given or answered or the L2 has proven a block.
  void update(L2& l2);
  /// A fetch waits at this stranger until its network is not full.
  void wait(L2& l2);
  /// Takes out the L2s of wait() whose turn has come; some may have left by now.
  [[nodiscard]] std::vector<L2No> take_freed() { return std::exchange(freed_, {}); }

  /// An order was given.
  void note_order(uint64_t now_ms) { orders_.note_order(now_ms); }
  /// An order of a stranger came to nothing.
  void note_in_vain(uint64_t now_ms) { orders_.note_one(now_ms); }
  /// True where the last minute's orders pay for one more order of a stranger.
  [[nodiscard]] bool have_room(uint64_t now_ms) const { return orders_.has_room(now_ms); }

 private:
  void set(L2& l2, size_t unanswered);

  const RuleMode mode_;
  MinuteShare orders_{kOrdersPerStrangerOrder, kStrangerOrdersFree};
  absl::flat_hash_map<Network, std::unique_ptr<NetworkStrangers>> networks_;
  std::vector<L2No> freed_;
};

}  // namespace daphnis::broker

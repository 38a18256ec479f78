#pragma once

#include <absl/container/btree_set.h>

#include <compare>
#include <cstdint>
#include <optional>

namespace daphnis::broker {

/// The kind of a deadline's owner. kFetch is also for a fetch's attempts, so that deadlines of the
/// same millisecond pass in the order of the fetches.
enum class TimerKind : uint8_t {
  kFetch,
  kConnection,
  kL2,
  kWorker,
  kReservation,
  kFollower,
  kPlaces,        ///< Of an L2, for its places that orders given up take.
  kPlacesWanted,  ///< Of an L2 for whose places fetches wait.
};

/// One owner's next deadline. The owner keeps the slot; Timers alone changes `at_ms`.
struct TimerSlot {
  uint64_t at_ms = 0;   ///< 0: none.
  uint32_t number = 0;  ///< Tells the slots apart that have one kind and id; the same for its life.
};

/// All deadlines of the broker, by time. Owned by the broker; holds at most one entry per slot.
class Timers {
 public:
  struct Due {
    uint64_t at_ms;
    TimerKind kind;
    uint64_t id;
    uint32_t number;  ///< TimerSlot::number
    [[nodiscard]] auto operator<=>(const Due&) const = default;
  };

  /// Sets or moves an owner's deadline.
  void set(TimerSlot& slot, TimerKind kind, uint64_t id, uint64_t at_ms) {
    if (slot.at_ms == at_ms) return;
    clear(slot, kind, id);
    slot.at_ms = at_ms;
    set_.insert({at_ms, kind, id, slot.number});
  }
  void clear(TimerSlot& slot, TimerKind kind, uint64_t id) {
    if (slot.at_ms != 0) set_.erase({slot.at_ms, kind, id, slot.number});
    slot.at_ms = 0;
  }

  /// Takes out the earliest deadline that has passed. Its owner must clear its slot by fired().
  [[nodiscard]] std::optional<Due> pop_due(uint64_t now_ms) {
    if (set_.empty() || set_.begin()->at_ms > now_ms) return std::nullopt;
    const Due due = *set_.begin();
    set_.erase(set_.begin());
    return due;
  }
  static void fired(TimerSlot& slot) { slot.at_ms = 0; }

  [[nodiscard]] std::optional<uint64_t> next() const {
    return set_.empty() ? std::nullopt : std::optional(set_.begin()->at_ms);
  }
  [[nodiscard]] size_t size() const { return set_.size(); }

 private:
  absl::btree_set<Due> set_;
};

}  // namespace daphnis::broker

#pragma once

#include <array>
#include <cstdint>

namespace daphnis::broker {

/// A sliding window of what is counted: two parts of `kPartMs` each, the one that now is in and the
/// one before it, so that it reaches back for between one and two parts' time. A value type; a
/// `Part{}` has counted nothing.
template <class Part, uint64_t kPartMs>
class Window {
 public:
  /// The part that now is in, to count in. What is older than the part before it is forgotten.
  [[nodiscard]] Part& at(uint64_t now_ms) {
    Slot& slot = slots_[turn_of(now_ms) % 2];
    if (slot.turn != turn_of(now_ms)) slot = {.turn = turn_of(now_ms), .part = {}};
    return slot.part;
  }
  /// Calls `visit(Part&)` for the parts of the window, the newer one first, until one returns true.
  /// Returns whether one did.
  template <class Visit>
  bool find(uint64_t now_ms, Visit&& visit) {
    const uint64_t turn = turn_of(now_ms);
    for (const uint64_t wanted : {turn, turn - 1}) {
      Slot& slot = slots_[wanted % 2];
      if (slot.turn == wanted && visit(slot.part)) return true;
    }
    return false;
  }
  /// Calls `visit(const Part&)` for the parts of the window.
  template <class Visit>
  void each(uint64_t now_ms, Visit&& visit) const {
    const uint64_t turn = turn_of(now_ms);
    for (const Slot& slot : slots_) {
      if (slot.turn == turn || slot.turn + 1 == turn) visit(slot.part);
    }
  }
  void clear() { slots_ = {}; }

 private:
  struct Slot {
    uint64_t turn = 0;  ///< Counts the parts of time from 2 on, so that 0 is none of them.
    Part part = {};
  };
  static constexpr uint64_t turn_of(uint64_t now_ms) { return now_ms / kPartMs + 2; }

  std::array<Slot, 2> slots_ = {};
};

}  // namespace daphnis::broker

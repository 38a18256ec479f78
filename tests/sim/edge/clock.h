#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>

#include "tests/sim/edge/chance.h"

namespace daphnis::sim {

class Alarm;

/// The virtual time of one run. Everything happens in the call of an alarm: the earliest goes off
/// first, and alarms of one millisecond in random sequence. Owned by the scene; outlives every
/// alarm.
class Clock {
 public:
  /// Begins at a time other than 0, since 0 means "never" in some places.
  explicit Clock(Chance& chance) : chance_(chance) {}

  [[nodiscard]] uint64_t now_ms() const { return now_ms_; }
  /// Lets the earliest alarm go off. False where none is due by `until_ms`; the time becomes
  /// `until_ms` then.
  bool step(uint64_t until_ms);
  [[nodiscard]] uint64_t steps() const { return steps_; }

 private:
  friend class Alarm;
  struct Key {
    uint64_t at_ms;
    uint64_t tie;
    uint64_t number;
    [[nodiscard]] auto operator<=>(const Key&) const = default;
  };

  Chance& chance_;
  std::map<Key, Alarm*> due_;
  uint64_t now_ms_ = 1'000'007;
  uint64_t last_number_ = 0;
  uint64_t steps_ = 0;
};

/// Calls back once when its time has come. Owned by the object that waits; may be destroyed in the
/// call.
class Alarm {
 public:
  Alarm(Clock& clock, std::function<void()> on_fire)
      : clock_(clock), on_fire_(std::move(on_fire)) {}
  ~Alarm() { stop(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Sets or moves the alarm. A time that has passed counts as now.
  void at(uint64_t at_ms);
  void after(uint64_t delay_ms) { at(clock_.now_ms() + delay_ms); }
  void stop();
  [[nodiscard]] bool is_set() const { return is_set_; }

 private:
  friend class Clock;

  Clock& clock_;
  std::function<void()> on_fire_;
  Clock::Key key_{};
  bool is_set_ = false;
};

}  // namespace daphnis::sim

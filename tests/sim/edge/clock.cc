#include "tests/sim/edge/clock.h"

#include <algorithm>

namespace daphnis::sim {

bool Clock::step(uint64_t until_ms) {
  if (due_.empty() || due_.begin()->first.at_ms > until_ms) {
    now_ms_ = std::max(now_ms_, until_ms);
    return false;
  }
  Alarm& alarm = *due_.begin()->second;
  now_ms_ = std::max(now_ms_, due_.begin()->first.at_ms);
  alarm.stop();
  ++steps_;
  const std::function<void()> call = alarm.on_fire_;  // The call may destroy the alarm.
  call();
  return true;
}

void Alarm::at(uint64_t at_ms) {
  stop();
  key_ = {std::max(at_ms, clock_.now_ms_), clock_.chance_.bits(), ++clock_.last_number_};
  clock_.due_.emplace(key_, this);
  is_set_ = true;
}

void Alarm::stop() {
  if (!is_set_) return;
  clock_.due_.erase(key_);
  is_set_ = false;
}

}  // namespace daphnis::sim

#include "broker/base/minute_share.h"

namespace daphnis::broker {

MinuteShare::Second& MinuteShare::part(uint64_t now_ms) {
  Second& second = seconds_[number_of(now_ms) % kSeconds];
  if (second.number != number_of(now_ms)) second = {.number = number_of(now_ms)};
  return second;
}

bool MinuteShare::has_room(uint64_t now_ms) const {
  uint64_t orders = 0;
  uint64_t ones = 0;
  for (const Second& second : seconds_) {
    if (second.number == 0 || second.number + kSeconds <= number_of(now_ms)) continue;
    orders += second.orders;
    ones += second.ones;
  }
  return ones < free_ || (ones + 1) * orders_per_one_ <= orders;
}

}  // namespace daphnis::broker

#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "broker/health/health.h"

namespace daphnis::broker {

inline constexpr uint64_t kRecentLieMs = 60'000;
inline constexpr size_t kRecentLiesMax = 65'536;  ///< Beyond, the oldest is dropped.

/// The L2s with deeds that lied in the last minute. Owned by the HealthBook.
class RecentLiars {
 public:
  void add(HealthNo l2, uint64_t now_ms) {
    forget_old(now_ms);
    last_ms_[l2] = now_ms;
    by_age_.push_back({l2, now_ms});
  }
  /// The number of L2s that lied in the minute before the last add().
  [[nodiscard]] size_t size() const { return last_ms_.size(); }
  /// The number of those for which `counts(HealthNo)` is true.
  template <class Counts>
  [[nodiscard]] size_t count(Counts&& counts) const {
    return static_cast<size_t>(
        std::ranges::count_if(last_ms_, [&](const auto& one) { return counts(one.first); }));
  }

 private:
  struct Lie {
    HealthNo l2;
    uint64_t at_ms;
  };
  void forget_old(uint64_t now_ms) {
    while (!by_age_.empty() &&
           (by_age_.size() >= kRecentLiesMax || now_ms >= by_age_.front().at_ms + kRecentLieMs)) {
      const auto found = last_ms_.find(by_age_.front().l2);
      if (found != last_ms_.end() && found->second == by_age_.front().at_ms) last_ms_.erase(found);
      by_age_.pop_front();
    }
  }

  absl::flat_hash_map<HealthNo, uint64_t> last_ms_;  ///< When each lied last.
  std::deque<Lie> by_age_;                           ///< The oldest first.
};

}  // namespace daphnis::broker

#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "broker/health/health.h"

namespace daphnis::broker {

inline constexpr size_t kRootBansMax = 65'536;  ///< Beyond, the oldest is dropped.

/// What each L2 did wrong about single roots lately, for which it is not trusted with them for some
/// time.
class RootBans {
 public:
  /// Each ban lasts `ban_ms`.
  explicit RootBans(uint64_t ban_ms) : ban_ms_(ban_ms) {}

  /// From now on; one that there is already stays as it is.
  void add(HealthNo l2, uint64_t root, uint64_t now_ms);
  void remove(HealthNo l2, uint64_t root);
  void remove_all(HealthNo l2);
  /// Removes those of all L2s that began at `since_ms` or later.
  void remove_since(uint64_t since_ms);
  [[nodiscard]] bool has(HealthNo l2, uint64_t root, uint64_t now_ms) const;
  /// Those kept, perhaps some that are over among them.
  [[nodiscard]] size_t size() const { return until_ms_.size(); }

 private:
  using Ban = std::pair<HealthNo, uint64_t>;
  void drop_oldest();

  const uint64_t ban_ms_;
  absl::flat_hash_map<Ban, uint64_t> until_ms_;
  std::deque<Ban> by_age_;  ///< The same ones, the oldest first.
};

}  // namespace daphnis::broker

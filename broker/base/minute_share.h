#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace daphnis::broker {

/// Keeps something to a share of the orders of the last minute: at most one for so many orders.
class MinuteShare {
 public:
  /// At most one for `orders_per_one` orders, and beyond that `free` of them in a minute.
  explicit MinuteShare(uint64_t orders_per_one, uint64_t free = 0)
      : orders_per_one_(orders_per_one), free_(free) {}

  /// An order was given that counts as such.
  void note_order(uint64_t now_ms) { ++part(now_ms).orders; }
  /// One of those was given that the share is about.
  void note_one(uint64_t now_ms) { ++part(now_ms).ones; }
  /// True where the last minute's orders pay for one more.
  [[nodiscard]] bool has_room(uint64_t now_ms) const;

 private:
  static constexpr size_t kSeconds = 60;
  struct Second {
    uint64_t number = 0;  ///< Counts seconds from 1 on, so that 0 is none of them.
    uint64_t orders = 0;
    uint64_t ones = 0;
  };
  static uint64_t number_of(uint64_t now_ms) { return now_ms / 1'000 + 1; }
  [[nodiscard]] Second& part(uint64_t now_ms);

  uint64_t orders_per_one_;
  uint64_t free_;
  std::array<Second, kSeconds> seconds_ = {};
};

}  // namespace daphnis::broker

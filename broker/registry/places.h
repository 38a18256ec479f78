#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/base/uuid.h"

namespace daphnis::broker {

/// The longest that an order given up keeps its place.
inline constexpr uint64_t kGivenUpPlaceMs = 30'000;

/// What the wait for the POST of an order says of its L2, where the order is given up.
struct Wait {
  /// As which it was counted among the L2's first-byte times, until its POST comes; 0: not at all.
  uint64_t counted_ms = 0;
  bool is_late = false;   ///< It was late, so that it counts as silent if it is never answered.
  uint64_t root_key = 0;  ///< The key of the root that was asked for.
  bool has_broken_claim = false;  ///< It broke the claim to that root (Registrations).
};

/// The places of one L2 that are taken: by attempts, and by orders given up. An order is given up
/// where its attempt ends before the POST comes. The L2 may know nothing of that and go on with its
/// work, so the place is free again only once the L2 has answered, or after kGivenUpPlaceMs. Owned
/// by its L2, whose capacity bounds the places together.
class Places {
 public:
  /// An order goes out for this attempt.
  void take(const Uuid& attempt) {
    attempts_.push_back(attempt);
    unanswered_.push_back(attempt);
  }
  /// The POST of the attempt has come.
  void answer(const Uuid& attempt) { std::erase(unanswered_, attempt); }
  /// The attempt has ended, and its place is free.
  void free(const Uuid& attempt, uint64_t ordered_ms, uint64_t now_ms);
  /// The attempt has ended since its readers took too little. Its place is free, and does not count
  /// in held_ms(): readers say nothing of how long the L2 takes.
  void yield(const Uuid& attempt);
  /// An order that is given up.
  struct GivenUp {
    Uuid attempt;
    uint64_t ordered_ms;
    uint64_t since_ms;
    Wait wait;
  };
  /// The attempt has ended, and its order is given up: the place stays taken.
  void give_up(const Uuid& attempt, uint64_t ordered_ms, uint64_t now_ms, const Wait& wait = {});
  /// The L2 has answered an order that was given up, so its place is free. Returns that order;
  /// nullopt where no place is taken by it.
  std::optional<GivenUp> settle(const Uuid& attempt, uint64_t now_ms);
  /// Frees the place that is the longest taken by an order given up, where it has been so for
  /// kGivenUpPlaceMs. Returns that order.
  [[nodiscard]] std::optional<GivenUp> expire(uint64_t now_ms);
  /// When expire() frees a place; nullopt: no order given up takes one.
  [[nodiscard]] std::optional<uint64_t> expires_at_ms() const;
  /// The registration is over, and with it all orders given up. Returns their attempts.
  [[nodiscard]] std::vector<Uuid> forget_given_up();

  /// Ordered or handed off.
  [[nodiscard]] const std::vector<Uuid>& attempts() const { return attempts_; }
  [[nodiscard]] size_t given_up() const { return given_up_.size(); }
  /// Orders of which no POST came yet, those given up among them.
  [[nodiscard]] size_t unanswered() const { return unanswered_.size() + given_up_.size(); }
  [[nodiscard]] size_t taken() const { return attempts_.size() + given_up_.size(); }
  /// How long a place is held from its order on, in ms: a running mean, where each place freed
  /// weighs an eighth, and those of attempts that yielded do not count. 0 until the first.
  [[nodiscard]] uint64_t held_ms() const { return eighths_ms_ / 8; }

 private:
  void count_held(uint64_t ordered_ms, uint64_t now_ms);

  std::vector<Uuid> attempts_;
  std::vector<Uuid> unanswered_;  ///< Those of attempts_ whose POST has not come.
  std::deque<GivenUp> given_up_;  ///< The oldest first.
  uint64_t eighths_ms_ = 0;       ///< Eight times the mean; 0: no place was freed yet.
};

}  // namespace daphnis::broker

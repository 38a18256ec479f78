#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "broker/base/ids.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// One order to one L2 on behalf of one fetch.
struct Attempt {
  enum class State : uint8_t {
    kOrdered,    ///< The line is out; no POST yet.
    kHandedOff,  ///< The POST's socket is on its way to the worker or there.
  };
  FetchNo fetch{};
  L2No l2{};
  WorkerId worker{};
  State state = State::kOrdered;
  bool is_taken = false;      ///< The worker has said HandoffTaken.
  bool needs_id = false;      ///< An answer without an id is not taken (any more).
  bool is_anonymous = false;  ///< Its answer came without an id: perhaps not from the L2.
  uint64_t ordered_ms = 0;
};

/// What a POST for a finished attempt is told.
enum class AttemptEnd : uint8_t {
  kDelivered,  ///< 409: a POST for it came before.
  kCancelled,  ///< 410: it was given up before its POST came.
};

/// Live attempts by id, and the ends of finished ones for a while (DESIGN 4a). Owned by the
/// dispatcher.
class Attempts {
 public:
  void add(const Uuid& id, const Attempt& attempt);
  [[nodiscard]] Attempt* find(const Uuid& id);
  /// Moves a live attempt to the finished ones. Those are kept kAttemptRememberedMs and at most
  /// kAttemptsRememberedMax of them, the oldest going first.
  void finish(const Uuid& id, AttemptEnd end, uint64_t now_ms);
  [[nodiscard]] std::optional<AttemptEnd> finished(const Uuid& id, uint64_t now_ms);

  [[nodiscard]] size_t live() const { return live_.size(); }
  [[nodiscard]] size_t remembered() const { return finished_.size(); }
  /// Ends that went before their time since there were too many.
  [[nodiscard]] uint64_t forgotten_early() const { return forgotten_early_; }
  [[nodiscard]] std::vector<Uuid> of_worker(WorkerId worker) const;

 private:
  void forget_old(uint64_t now_ms);

  struct Finished {
    Uuid id;
    uint64_t at_ms;
  };
  absl::flat_hash_map<Uuid, Attempt> live_;
  absl::flat_hash_map<Uuid, AttemptEnd> finished_;
  std::deque<Finished> by_age_;
  uint64_t forgotten_early_ = 0;
};

}  // namespace daphnis::broker

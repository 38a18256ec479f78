#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/dispatch/attempt.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// Live attempts by id, and for a while what later POSTs for finished ones are told (DESIGN 4a).
/// Owned by the dispatcher.
class Attempts {
 public:
  Attempt& add(std::unique_ptr<Attempt> attempt);
  [[nodiscard]] Attempt* find(const Uuid& id);
  /// Destroys an attempt that is over and remembers whether it was delivered, for
  /// kAttemptRememberedMs; beyond kAttemptsRememberedMax attempts the oldest is forgotten.
  void finish(const Attempt& attempt, uint64_t now_ms);
  /// Attempt::was_delivered() of a finished attempt that is remembered; else nothing.
  [[nodiscard]] std::optional<bool> was_delivered(const Uuid& id, uint64_t now_ms);

  [[nodiscard]] size_t live() const { return live_.size(); }
  [[nodiscard]] size_t remembered() const { return finished_.size(); }
  /// The number of attempts that were forgotten early since there were too many.
  [[nodiscard]] uint64_t forgotten_early() const { return forgotten_early_; }
  [[nodiscard]] std::vector<Uuid> of_worker(WorkerId worker) const;

 private:
  void forget_old(uint64_t now_ms);

  struct Finished {
    Uuid id;
    uint64_t at_ms;
  };
  absl::flat_hash_map<Uuid, std::unique_ptr<Attempt>> live_;
  absl::flat_hash_map<Uuid, bool> finished_;  ///< Whether each was delivered.
  std::deque<Finished> by_age_;
  uint64_t forgotten_early_ = 0;
};

}  // namespace daphnis::broker

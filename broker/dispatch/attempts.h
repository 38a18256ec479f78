#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "broker/base/ids.h"
#include "common/base/uuid.h"

namespace daphnis::broker {

/// One order to one L2 for one fetch.
struct Attempt {
  enum class State : uint8_t {
    kOrdered,    ///< The line is out; no POST yet.
    kHandedOff,  ///< The POST's socket was sent to the worker.
  };
  FetchNo fetch{};
  L2No l2{};
  WorkerId worker{};
  State state = State::kOrdered;
  bool is_taken = false;      ///< The worker has sent HandoffTaken.
  bool needs_id = false;      ///< A delivery without an id does not count.
  bool is_anonymous = false;  ///< Its delivery had no id: perhaps a stranger sent it.
  uint64_t ordered_ms = 0;
};

/// How an attempt ended; decides the reply to a later POST for it.
enum class AttemptEnd : uint8_t {
  kDelivered,  ///< A POST came for it; the next one gets 409.
  kCancelled,  ///< It was given up before its POST came, which gets 410.
};

/// Live attempts by id, and for a while the ends of finished ones (DESIGN 4a). Owned by the
/// dispatcher.
class Attempts {
 public:
  void add(const Uuid& id, const Attempt& attempt);
  [[nodiscard]] Attempt* find(const Uuid& id);
  /// Moves a live attempt to the finished ones. An end is remembered for kAttemptRememberedMs;
  /// beyond kAttemptsRememberedMax ends the oldest is forgotten.
  void finish(const Uuid& id, AttemptEnd end, uint64_t now_ms);
  [[nodiscard]] std::optional<AttemptEnd> finished(const Uuid& id, uint64_t now_ms);

  [[nodiscard]] size_t live() const { return live_.size(); }
  [[nodiscard]] size_t remembered() const { return finished_.size(); }
  /// The number of ends that were forgotten early since there were too many.
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

#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/uuid.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::worker {

/// The attempts of which the broker has told that their L2 may deliver directly, and for a while
/// what a further POST for one that is over is told (DESIGN 4a). At most kDirectAttemptsMax of
/// each, kAttemptRememberedMs for the latter. Owned by the Worker.
class DirectAttempts {
 public:
  /// One beyond the bound is forgotten at once, so that its L2 goes by the broker.
  void add(const ipc::AttemptOut& attempt);
  /// Null: no such attempt is out. Valid until the next call.
  [[nodiscard]] const ipc::AttemptOut* find(const Uuid& id) const;
  /// The attempt is over: its POST has come (`was_delivered`), whatever way, or is wanted no more.
  void end(const Uuid& id, bool was_delivered, uint64_t now_ms);
  /// What end() was told of an attempt that is over and remembered; else nothing.
  [[nodiscard]] std::optional<bool> was_delivered(const Uuid& id, uint64_t now_ms);
  /// Forgets all: another broker knows none of them.
  void clear();

  [[nodiscard]] size_t out() const { return out_.size(); }

 private:
  void forget_old(uint64_t now_ms);

  struct Over {
    Uuid id;
    uint64_t at_ms;
  };
  absl::flat_hash_map<Uuid, ipc::AttemptOut> out_;
  absl::flat_hash_map<Uuid, bool> over_;  ///< Whether each was delivered.
  std::deque<Over> by_age_;
};

}  // namespace daphnis::worker

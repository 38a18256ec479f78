#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

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
  /// The id of the L2 whose certificate a POST of that attempt needs, which is out or remembered;
  /// empty: none, or no such attempt. Valid until the next call.
  [[nodiscard]] std::string_view certificate_of(const Uuid& id) const;
  /// What end() was told of an attempt that is over and remembered; else nothing.
  [[nodiscard]] std::optional<bool> was_delivered(const Uuid& id, uint64_t now_ms);
  /// Forgets all: another broker knows none of them.
  void clear();

  [[nodiscard]] size_t out() const { return out_.size(); }

 private:
  void forget_old(uint64_t now_ms);

  struct Over {
    bool was_delivered = false;
    std::string certificate_of;
  };
  struct Age {
    Uuid id;
    uint64_t over_ms;
  };
  absl::flat_hash_map<Uuid, ipc::AttemptOut> out_;
  absl::flat_hash_map<Uuid, Over> over_;
  std::deque<Age> by_age_;
};

}  // namespace daphnis::worker

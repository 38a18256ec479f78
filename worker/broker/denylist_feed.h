#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>

#include "common/denylist/denylist.h"
#include "worker/broker/broker_session.h"

namespace daphnis::worker {

/// Maps the tables that the broker has written. Implemented by the shell, which outlives the
/// Worker's use of it.
class DenyTables {
 public:
  /// The table in that place, with its memory. Errors: kSystem, kInvalid, kMalformed.
  [[nodiscard]] virtual Result<std::shared_ptr<const DenyTable>> open(
      const ipc::DenylistPlace& place) = 0;

 protected:
  ~DenyTables() = default;
};

/// Keeps the list in force that the broker names, and tells the broker what it has denied. A list
/// stays in force while the broker is away. Owned by the Worker; outlives its walks.
class DenylistFeed {
 public:
  explicit DenylistFeed(BrokerSession& broker) : broker_(broker) {}
  void set_tables(DenyTables& tables) { tables_ = &tables; }

  enum class Taken : uint8_t {
    kSame,    ///< The same list is in force as before.
    kNew,     ///< Another list is, or none any more.
    kFailed,  ///< It could not be had; the one before stays. The broker must be left.
  };
  [[nodiscard]] Taken take(const ipc::DenylistPlace& place);

  [[nodiscard]] const Denylist& denylist() const { return denylist_; }
  /// True where cached files need not be looked at: none of them has a block that is denied.
  [[nodiscard]] bool is_cache_clean() const { return is_swept_ || denylist_.id() == 0; }

  /// A request of that root is refused, or its answer cut: tells the broker of the rule, but not
  /// twice within kDeniedEveryMs.
  void note(const Denial& denial, const Cid& root, uint64_t now_ms);

 private:
  BrokerSession& broker_;
  DenyTables* tables_ = nullptr;
  Denylist denylist_;
  bool is_swept_ = false;
  /// When the broker was last told of a rule; at most kDeniedRulesMax, then all are forgotten.
  absl::flat_hash_map<uint32_t, uint64_t> told_ms_;
};

}  // namespace daphnis::worker

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "common/denylist/deny_table.h"

namespace daphnis {

/// The list that is in force in a process, which another one may replace at any time: whoever asks
/// for long keeps a pointer to this object, and so asks the newest. One thread. Owned by the
/// worker; outlives its walks.
class Denylist {
 public:
  /// Puts this table in force; it keeps its memory alive. Null: nothing is denied.
  void set(std::shared_ptr<const DenyTable> table) { table_ = std::move(table); }
  /// The table in force, for other threads; null where there is none.
  [[nodiscard]] const std::shared_ptr<const DenyTable>& table() const { return table_; }
  [[nodiscard]] DenylistId id() const { return table_ ? table_->id() : 0; }

  [[nodiscard]] std::optional<Denial> judge_block(const Cid& cid) const {
    return table_ ? table_->judge_block(cid) : std::nullopt;
  }
  [[nodiscard]] DenyVerdict judge(const Cid& root, std::span<const std::string> path) const {
    return table_ ? table_->judge(root, path) : DenyVerdict{};
  }

 private:
  std::shared_ptr<const DenyTable> table_;
};

}  // namespace daphnis

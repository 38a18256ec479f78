#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// The roots that an L2 holds at one moment: sorted by their bytes, each once. Shared by all
/// sessions.
using Holdings = std::shared_ptr<const std::vector<Cid>>;

/// Sorts the roots and removes repeats.
[[nodiscard]] Holdings make_holdings(std::vector<Cid> roots);

/// The changes that an L1 must be told of to get from one state of the holdings to another, in
/// bodies of at most kHoldingsPerPost CIDs: NDJSON lines {"add":[…]} and {"remove":[…]} of at most
/// kHoldingsPerLine each (DESIGN 3.1). A body stays the same until advance(), so that a refused one
/// can be sent again. Owned by a session.
class HoldingsUpdate {
 public:
  HoldingsUpdate() = default;
  /// A null pointer stands for no roots. `is_complete`, where it is given, ends the last body,
  /// which may have nothing else: whether the L2 has no more than it announces ({"complete":true}).
  HoldingsUpdate(const Holdings& known, const Holdings& wanted,
                 std::optional<bool> is_complete = {});

  [[nodiscard]] bool is_done() const { return at_ == changes_.size() && !is_complete_; }
  /// The next body; the same again until advance().
  [[nodiscard]] std::string body() const;
  void advance();

 private:
  struct Change {
    bool is_added;
    Cid cid;
  };
  [[nodiscard]] size_t end_of_body() const;

  std::vector<Change> changes_;
  size_t at_ = 0;
  std::optional<bool> is_complete_;  ///< Until it was told.
};

}  // namespace daphnis::l2

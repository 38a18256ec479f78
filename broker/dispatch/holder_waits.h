#pragma once

#include <absl/container/btree_set.h>

#include <cstddef>
#include <vector>

#include "broker/base/ids.h"

namespace daphnis::broker {

/// The fetches that one input tries anew since an L2 has registered; the next input goes on.
inline constexpr size_t kHolderWaitsTriedMax = 64;

/// The fetches that wait until an L2 that served them registers again. Owned by the dispatcher.
class HolderWaits {
 public:
  void add(FetchNo no) { waiting_.insert(no); }
  void remove(FetchNo no) { waiting_.erase(no); }
  /// An L2 has registered, so that each of them is to be tried once.
  void on_registered() { to_try_ = waiting_.size(); }
  /// Takes the next fetches to try, at most kHolderWaitsTriedMax; by turns, so that none is left
  /// out where L2s register all the time.
  [[nodiscard]] std::vector<FetchNo> take_to_try() {
    std::vector<FetchNo> taken;
    while (to_try_ > 0 && taken.size() < kHolderWaitsTriedMax && !waiting_.empty()) {
      auto next = waiting_.upper_bound(last_tried_);
      if (next == waiting_.end()) next = waiting_.begin();
      last_tried_ = *next;
      taken.push_back(last_tried_);
      --to_try_;
    }
    if (waiting_.empty()) to_try_ = 0;
    return taken;
  }
  [[nodiscard]] size_t size() const { return waiting_.size(); }

 private:
  absl::btree_set<FetchNo> waiting_;
  FetchNo last_tried_{};
  size_t to_try_ = 0;
};

}  // namespace daphnis::broker

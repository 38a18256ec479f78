#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>

#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// The decisions of recent requests' heads, so that frequent requests are not decided again and
/// again. Holds at most kMemosMax, the ones used last among them. Owned by the Answerer.
class Memo {
 public:
  using Entry = std::shared_ptr<const Content>;

  /// The decision for a memo_key_of(); null where it is not known.
  [[nodiscard]] Entry find(const std::string& memo_key);
  /// Remembers a decision, with its headers written out.
  void add(std::string memo_key, Content content);
  /// Forgets all decisions.
  void clear() {
    newer_.clear();
    older_.clear();
  }

 private:
  using Table = absl::flat_hash_map<std::string, Entry>;

  void put(std::string memo_key, Entry entry);

  // The older half is dropped as a whole when the newer one is full: that is cheaper than exact
  // last use, and nearly as good.
  Table newer_;
  Table older_;
};

}  // namespace daphnis::worker

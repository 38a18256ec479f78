#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>

#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// What recent requests' heads decided, so that what is asked for often is not decided over and
/// over. Holds at most kMemoriesMax, the ones used last among them. Owned by the Worker.
class Memo {
 public:
  using Entry = std::shared_ptr<const Content>;

  /// `memo_key`: memo_key_of() the head. Null where it is not known.
  [[nodiscard]] Entry find(const std::string& memo_key);
  /// With its headers written out.
  void add(std::string memo_key, Content content);

 private:
  using Table = absl::flat_hash_map<std::string, Entry>;

  void put(std::string memo_key, Entry entry);

  // The older half goes at once when the newer one is full: cheap, and nearly as good as an order.
  Table newer_;
  Table older_;
};

}  // namespace daphnis::worker

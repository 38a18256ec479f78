#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <string>

#include "common/base/check.h"
#include "common/base/network.h"
#include "worker/base/ids.h"

namespace daphnis::worker {

/// Counts the loners of a worker, per client's address too, and bounds both. Each may keep a
/// window's bytes in memory for as long as its client takes. Owned by the FetchTable.
class Loners {
 public:
  /// Notes a loner of that client. False, and nothing is noted, where a bound is reached.
  [[nodiscard]] bool add(FetchId loner, const std::string& address, size_t per_address,
                         size_t in_all) {
    if (networks_.size() >= in_all) return false;
    const Network network = network_of(address);
    size_t& count = counts_[network];
    if (count >= per_address) return false;
    ++count;
    networks_.emplace(loner, network);
    return true;
  }
  /// Forgets a fetch; does nothing where it is no loner.
  void remove(FetchId loner) {
    const auto found = networks_.find(loner);
    if (found == networks_.end()) return;
    const auto count = counts_.find(found->second);
    check(count != counts_.end() && count->second > 0, "a loner of no address ends");
    if (--count->second == 0) counts_.erase(count);
    networks_.erase(found);
  }
  [[nodiscard]] size_t size() const { return networks_.size(); }

 private:
  absl::flat_hash_map<FetchId, Network> networks_;
  absl::flat_hash_map<Network, size_t> counts_;
};

}  // namespace daphnis::worker

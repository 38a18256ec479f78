#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/base/ids.h"
#include "broker/registry/network.h"

namespace daphnis::broker {

/// How many connections each network has, and which of them ask for nothing: the longest idle one
/// gives way to a new one where there is no place left. Owned by the L2Server.
class Peers {
 public:
  void add(Network network) { ++of_[network].connections; }
  /// One that is not idle (any more).
  void remove(Network network);

  /// It is idle from now on; returns its place, which stop_idling() wants back.
  [[nodiscard]] uint64_t begin_idling(Network network, ConnId id);
  void stop_idling(Network network, ConnId id, uint64_t place);

  [[nodiscard]] size_t connections(Network network) const;
  /// Of all, or of one network. nullopt: none is idle.
  [[nodiscard]] std::optional<ConnId> longest_idle() const;
  [[nodiscard]] std::optional<ConnId> longest_idle(Network network) const;
  [[nodiscard]] size_t networks() const { return of_.size(); }

 private:
  using Idle = absl::btree_set<std::pair<uint64_t, ConnId>>;  ///< By place: the oldest first.
  struct Peer {
    size_t connections = 0;
    Idle idle;
  };

  absl::flat_hash_map<Network, Peer> of_;
  Idle idle_;
  uint64_t last_place_ = 0;
};

}  // namespace daphnis::broker

#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/base/ids.h"
#include "common/base/network.h"

namespace daphnis::broker {

/// Counts the connections of each network and lists the idle ones; at a bound the one that has been
/// idle for longest is closed in favour of a new one. Owned by the L2Server.
class Peers {
 public:
  void add(Network network) { ++of_[network].connections; }
  /// Removes a connection that is not idle.
  void remove(Network network);

  /// Adds an idle connection; returns its turn, which stop_idling() needs.
  [[nodiscard]] uint64_t begin_idling(Network network, ConnId id);
  void stop_idling(Network network, ConnId id, uint64_t turn);

  [[nodiscard]] size_t connections(Network network) const;
  /// The connection that has been idle for longest, of all or of one network; nullopt: none is
  /// idle.
  [[nodiscard]] std::optional<ConnId> longest_idle() const;
  [[nodiscard]] std::optional<ConnId> longest_idle(Network network) const;
  [[nodiscard]] size_t networks() const { return of_.size(); }

 private:
  using Idle = absl::btree_set<std::pair<uint64_t, ConnId>>;  ///< By turn: the longest idle first.
  struct Peer {
    size_t connections = 0;
    Idle idle;
  };

  absl::flat_hash_map<Network, Peer> of_;
  Idle idle_;
  uint64_t last_turn_ = 0;
};

}  // namespace daphnis::broker

#include "broker/l2_http/peers.h"

#include "common/base/check.h"

namespace daphnis::broker {

void Peers::remove(Network network) {
  const auto found = of_.find(network);
  check(found != of_.end(), "a connection of an unknown network ends");
  if (--found->second.connections == 0) of_.erase(found);
}

uint64_t Peers::begin_idling(Network network, ConnId id) {
  const uint64_t turn = ++last_turn_;
  of_[network].idle.insert({turn, id});
  idle_.insert({turn, id});
  return turn;
}

void Peers::stop_idling(Network network, ConnId id, uint64_t turn) {
  of_[network].idle.erase({turn, id});
  idle_.erase({turn, id});
}

size_t Peers::connections(Network network) const {
  const auto found = of_.find(network);
  return found == of_.end() ? 0 : found->second.connections;
}

std::optional<ConnId> Peers::longest_idle() const {
  return idle_.empty() ? std::nullopt : std::optional(idle_.begin()->second);
}

std::optional<ConnId> Peers::longest_idle(Network network) const {
  const auto found = of_.find(network);
  if (found == of_.end() || found->second.idle.empty()) return std::nullopt;
  return found->second.idle.begin()->second;
}

}  // namespace daphnis::broker

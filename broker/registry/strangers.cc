#include "broker/registry/strangers.h"

#include <algorithm>

#include "broker/registry/l2.h"
#include "common/base/check.h"

namespace daphnis::broker {

void Strangers::enter(L2& l2) {
  check(!l2.strangers, "an L2 enters a network before it has left another one");
  std::unique_ptr<NetworkStrangers>& network = networks_[l2.network];
  if (!network) {
    network = std::make_unique<NetworkStrangers>();
    network->mode = mode_;
  }
  ++network->l2s;
  l2.strangers = network.get();
  l2.strangers_network = l2.network;
  update(l2);
}

void Strangers::leave(L2& l2) {
  set(l2, 0);
  if (std::exchange(l2.waits_for_strangers, false)) std::erase(l2.strangers->waiting, &l2);
  if (--l2.strangers->l2s == 0) networks_.erase(l2.strangers_network);
  l2.strangers = nullptr;
}

void Strangers::update(L2& l2) {
  set(l2, l2.is_stranger() ? l2.places.unanswered() : 0);
}

void Strangers::set(L2& l2, size_t unanswered) {
  NetworkStrangers& network = *l2.strangers;
  network.unanswered += unanswered;
  network.unanswered -= std::exchange(l2.unanswered_as_stranger, unanswered);
  for (size_t n = network.unanswered; n < kStrangerOrdersPerNetwork; ++n) {
    if (network.waiting.empty()) return;
    L2& freed = *network.waiting.front();
    network.waiting.pop_front();
    freed.waits_for_strangers = false;
    freed_.push_back(freed.no);
  }
}

void Strangers::wait(L2& l2) {
  if (!std::exchange(l2.waits_for_strangers, true)) l2.strangers->waiting.push_back(&l2);
}

}  // namespace daphnis::broker

#include "broker/cache/warmer.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::broker {

Warmer::Added Warmer::add(const Cid& root) {
  CarRequest request{.root = root};
  if (cache_.holds(key_of(request))) return Added::kHeld;
  if (waiting_.size() >= limits::kWarmsWaitingMax) return Added::kRefused;
  waiting_.push_back(std::move(request));
  return Added::kAccepted;
}

void Warmer::on_second(const std::vector<WorkerId>& workers) {
  if (workers.empty()) return;
  for (size_t i = 0; i < limits::kWarmsPerSecond && !waiting_.empty(); ++i) {
    const CarRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    if (cache_.holds(key_of(request))) continue;
    context_.tell(workers[turn_++ % workers.size()], ipc::Warm{request});
  }
}

}  // namespace daphnis::broker

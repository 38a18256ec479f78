#pragma once

#include <deque>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "common/ipld/cid.h"

namespace daphnis::broker {

/// Objects the operator wants in the cache. Each is asked for by a worker, in turn, as if a client
/// did, a few a second. Owned by the broker.
class Warmer {
 public:
  Warmer(Context& context, const Cache& cache) : context_(context), cache_(cache) {}

  enum class Added : uint8_t {
    kAccepted,
    kHeld,     ///< The cache has it.
    kRefused,  ///< kWarmsWaitingMax wait.
  };
  Added add(const Cid& root);
  /// Sends the next ones to these workers.
  void on_second(const std::vector<WorkerId>& workers);
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
  Context& context_;
  const Cache& cache_;
  std::deque<CarRequest> waiting_;
  size_t turn_ = 0;
};

}  // namespace daphnis::broker

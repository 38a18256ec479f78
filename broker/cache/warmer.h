#pragma once

#include <deque>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "common/ipld/cid.h"

namespace daphnis::broker {

/// The objects that the operator wants in the cache. The workers, in turn, fetch them as for a
/// client, kWarmsPerSecond each second. Owned by the broker.
class Warmer {
 public:
  Warmer(Context& context, const Cache& cache) : context_(context), cache_(cache) {}

  enum class Added : uint8_t {
    kAccepted,
    kHeld,     ///< The cache holds it already.
    kRefused,  ///< kWarmsWaitingMax objects wait.
  };
  Added add(const Cid& root);
  /// Sends the next objects to these workers.
  void on_second(const std::vector<WorkerId>& workers);
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
  Context& context_;
  const Cache& cache_;
  std::deque<CarRequest> waiting_;
  size_t turn_ = 0;
};

}  // namespace daphnis::broker

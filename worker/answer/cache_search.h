#pragma once

#include <vector>

#include "worker/cache/cache.h"
#include "worker/client/exchange.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

class Answerer;

/// Looks for the cached files that can answer a request: the request's own, then those of its
/// root's whole DAG. It is the exchange's responder while the disk is waited for, and owned by the
/// exchange.
class CacheSearch final : public Responder {
 public:
  /// `answerer` is told of what has been found.
  CacheSearch(Exchange& exchange, Content content, Cache& cache, Answerer& answerer);

  /// Begins the search, which may end within the call.
  void start(uint64_t now_ms);

  void on_space(uint64_t) override {}
  void on_over(uint64_t) override { cache_.forget(waiter_); }

 private:
  void look(uint64_t now_ms);
  void on_look(const Cache::Found& result, uint64_t now_ms);

  Exchange& exchange_;
  Content content_;
  Cache& cache_;
  Answerer& answerer_;
  std::vector<RequestKey> keys_;  ///< The keys still to be looked up, the next one last.
  RequestKey key_;                ///< The key being looked up.
  CacheWaiterId waiter_{};
};

/// The keys of cached files that hold all that `request` is about, the better one first. The
/// request's own key is not among them.
[[nodiscard]] std::vector<RequestKey> whole_keys_of(const CarRequest& request);

/// The directories on a path whose blocks are looked for: so many above its end, and the root.
inline constexpr size_t kDirectoriesLookedAt = 3;

/// The keys of cached files that may prove that the path of `request` does not exist: those of the
/// directories on it, the innermost first.
[[nodiscard]] std::vector<RequestKey> directory_keys_of(const CarRequest& request);

}  // namespace daphnis::worker

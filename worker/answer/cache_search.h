#pragma once

#include <vector>

#include "worker/cache/cache.h"
#include "worker/client/exchange.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// Who goes on where a search has ended. Each of these replaces or ends what the exchange does, and
/// with it the search.
class SearchHost {
 public:
  /// All of the answer is in that file.
  virtual void on_cached(Exchange& exchange, Content content, const CachedFile& file,
                         uint64_t now_ms) = 0;
  /// That file holds the whole DAG of which something narrower is asked.
  virtual void on_whole_cached(Exchange& exchange, Content content, const RequestKey& key,
                               const CachedFile& file, uint64_t now_ms) = 0;
  virtual void on_not_cached(Exchange& exchange, Content content, uint64_t now_ms) = 0;
  /// Somebody of this worker is getting it already.
  [[nodiscard]] virtual bool is_under_way(const Content& content) const = 0;

 protected:
  ~SearchHost() = default;
};

/// Looks for the files that can answer a request: its own, then one of its root's whole DAG. Waits
/// for the disk in its exchange's place; owned by it.
class CacheSearch final : public Responder {
 public:
  CacheSearch(Exchange& exchange, Content content, Cache& cache, SearchHost& host);

  /// May end within the call.
  void start(uint64_t now_ms);

  void on_space(uint64_t) override {}
  void on_over(uint64_t) override { cache_.forget(waiter_); }

 private:
  void look(uint64_t now_ms);
  void on_look(const CachedFile* found, uint64_t now_ms);

  Exchange& exchange_;
  Content content_;
  Cache& cache_;
  SearchHost& host_;
  std::vector<RequestKey> keys_;  ///< Still to be looked for, the last one first.
  RequestKey key_;                ///< Being looked for.
  CacheWaiterId waiter_{};
};

/// The keys of files that hold all that `request` is about, the better one first. None of them is
/// its own.
[[nodiscard]] std::vector<RequestKey> whole_keys_of(const CarRequest& request);

}  // namespace daphnis::worker

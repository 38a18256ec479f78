#include <algorithm>
#include <utility>

#include "broker/cache/cache.h"
#include "common/base/limits.h"

/// The part of the cache for commands of the operator and for expiry.
namespace daphnis::broker {
namespace {

constexpr uint64_t kSecondsPerDay = 86'400;

}  // namespace

Cache::Removed Cache::remove(CacheIndex::Evicted&& evicted, uint64_t bytes_before) {
  const Removed removed{evicted.keys.size(), bytes_before - index_->held_bytes()};
  defer_free(std::move(evicted));
  pump();
  return removed;
}

Cache::Removed Cache::purge(const Cid& root) {
  if (!index_) return {};
  const uint64_t before = index_->held_bytes();
  const Removed removed = remove(index_->remove_root(root.multihash()), before);
  context_.counters.cache_purged += removed.entries;
  return removed;
}

Cache::Removed Cache::purge_all() {
  if (!index_) return {};
  const uint64_t before = index_->held_bytes();
  const Removed removed = remove(index_->remove_all(), before);
  context_.counters.cache_purged += removed.entries;
  return removed;
}

void Cache::set_limit(uint64_t bytes) {
  if (!index_) return;
  index_->set_limit(bytes);
  // Reservations wait only as long as they can fit; under the new limit some may not.
  while (!waiting_.empty() && index_->reserved_bytes() + index_->waiting_bytes() > bytes) {
    refuse_waiting();
  }
  pump();
}

void Cache::on_second(uint64_t now_ms) {
  if (index_) index_->set_time(now_ms);
  const uint64_t days = context_.settings.cache_expire_days;
  if (!index_ || days == 0 || now_ms < expired_ms_ + limits::kCacheExpireEveryMs) return;
  expired_ms_ = now_ms;
  const uint64_t before = index_->held_bytes();
  const Removed removed =
      remove(index_->remove_unused(days * kSecondsPerDay, limits::kCacheExpireAtOnce), before);
  context_.counters.cache_expired += removed.entries;
}

}  // namespace daphnis::broker

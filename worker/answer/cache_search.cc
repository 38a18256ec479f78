#include "worker/answer/cache_search.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "worker/answer/answerer.h"

namespace daphnis::worker {

std::vector<RequestKey> whole_keys_of(const CarRequest& request) {
  std::vector<RequestKey> keys;
  for (const bool dups : {request.dups, !request.dups}) {
    const CarRequest whole{.root = request.root, .dups = dups};
    if (whole != request) keys.push_back(key_of(whole));
  }
  return keys;
}

std::vector<RequestKey> directory_keys_of(const CarRequest& request) {
  std::vector<RequestKey> keys;
  CarRequest directory{.root = request.root, .path = request.path, .scope = DagScope::kBlock};
  while (!directory.path.empty()) {
    directory.path.pop_back();
    if (keys.size() >= kDirectoriesLookedAt) directory.path.clear();
    keys.push_back(key_of(directory));
  }
  return keys;
}

CacheSearch::CacheSearch(Exchange& exchange, Content content, Cache& cache, Answerer& answerer)
    : exchange_(exchange),
      content_(std::move(content)),
      cache_(cache),
      answerer_(answerer),
      key_(content_.key) {}

void CacheSearch::start(uint64_t now_ms) {
  keys_ = whole_keys_of(content_.request);
  std::ranges::copy(directory_keys_of(content_.request), std::back_inserter(keys_));
  std::ranges::reverse(keys_);
  look(now_ms);
}

void CacheSearch::look(uint64_t now_ms) {
  const auto on_done = [this](const Cache::Found& found, uint64_t at_ms) { on_look(found, at_ms); };
  const CacheWaiterId waiter = cache_.look_up(key_, keys_, on_done, now_ms);
  // Without a waiter this look-up has ended within the call; the next one may have a waiter.
  if (!is_none(waiter)) waiter_ = waiter;
}

void CacheSearch::on_look(const Cache::Found& result, uint64_t now_ms) {
  const CachedFile* found = result.file;
  const bool is_first = key_ == content_.key;
  // Of a larger file, what is asked for may be a part that may be served.
  if (is_first && result.denial) {
    return answerer_.deny(exchange_, *result.denial, content_.request.root, now_ms);
  }
  if (found) {
    if (is_first) return answerer_.on_cached(exchange_, std::move(content_), *found, now_ms);
    return answerer_.on_whole_cached(exchange_, std::move(content_), key_, *found, now_ms);
  }
  if (is_first && answerer_.is_under_way(content_)) keys_.clear();
  if (keys_.empty()) return answerer_.on_not_cached(exchange_, std::move(content_), now_ms);
  key_ = keys_.back();
  keys_.pop_back();
  look(now_ms);
}

}  // namespace daphnis::worker

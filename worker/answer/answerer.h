#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/base/busy_limit.h"
#include "worker/answer/content_answer.h"
#include "worker/answer/fetch_answer.h"
#include "worker/base/settings.h"
#include "worker/broker/denylist_feed.h"
#include "worker/cache/cache.h"
#include "worker/client/exchange.h"
#include "worker/fetch/fetch_table.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/memo.h"

namespace daphnis::worker {

/// Finds the source of each answer: the gateway's decision, a cached file, or a fetch. Where a
/// source turns out to lack the content, its responder asks this object for the next one. Owned by
/// the Worker; outlives the exchanges.
class Answerer {
 public:
  /// All of these must outlive this object.
  Answerer(const Settings& settings, const AnswerScene& scene, Cache& cache, FetchTable& fetches,
           DenylistFeed& denials)
      : settings_(settings), scene_(scene), cache_(cache), fetches_(fetches), denials_(denials) {}

  /// Answers a request, which has its request id. The answer may begin within the call.
  void answer(Exchange& exchange, uint64_t now_ms);
  /// The exchange waits for content no more: a slow client of content that is here is no overload.
  /// Nothing is done where it did not wait.
  void end_waiting(Exchange& exchange);

  /// The request may not be served, or its answer not be completed.
  void deny(Exchange& exchange, const Denial& denial, const Cid& root, uint64_t now_ms);
  /// Another list says what may be served: what was decided by the last one is forgotten.
  void on_denylist() { memo_.clear(); }

  // --- What a search in the cache has found; each replaces or ends the search ---
  /// `file` holds the whole answer.
  void on_cached(Exchange& exchange, Content content, const CachedFile& file, uint64_t now_ms);
  /// `file` holds the whole DAG, of which the request asks for a part (a sub-DAG hit).
  void on_whole_cached(Exchange& exchange, Content content, const RequestKey& key,
                       const CachedFile& file, uint64_t now_ms);
  /// The content must come from a fetch, which may find its one block in a cached file that only
  /// the broker knows; nothing of the answer has been made.
  void on_not_cached(Exchange& exchange, Content content, uint64_t now_ms);
  /// True where a fetch of this worker is getting the content already.
  [[nodiscard]] bool is_under_way(const Content& content) const {
    return fetches_.is_under_way(content.key);
  }

  // --- A cached file that turns out to be broken while it is sent ---
  /// `error` is an errno; 0 says that the file is too short.
  void on_cached_file_lost(const RequestKey& key, int error);
  /// Gets the rest of an answer from a fetch. True where another responder has taken the exchange
  /// over; false where the worker is too busy, and nothing has changed.
  [[nodiscard]] bool go_on(Exchange& exchange, Content content, Rest rest, uint64_t now_ms);

  /// The number of answers that came from a fetch under way.
  [[nodiscard]] uint64_t joins() const { return joins_; }
  /// The number of requests answered 503 at once.
  [[nodiscard]] uint64_t shed() const { return shed_; }
  /// Of these, those for which the process was too busy; where that rule only counts, the number of
  /// those that it would have refused.
  [[nodiscard]] uint64_t shed_busy() const { return shed_busy_; }
  /// Sets what says for how many microseconds the process has been busy since it started. Without
  /// it the process is taken for one that never is.
  void set_busy_time(std::function<uint64_t()> busy_us) { busy_us_ = std::move(busy_us); }

 private:
  [[nodiscard]] bool answer_from_memo(Exchange& exchange, const std::string& memo_key,
                                      uint64_t now_ms);
  void start_content(Exchange& exchange, Content content, uint64_t now_ms);
  void answer_hit(Exchange& exchange, const Content& content, const CachedFile& file,
                  uint64_t now_ms);
  [[nodiscard]] bool begin_waiting(Exchange& exchange);
  [[nodiscard]] bool is_shed(Exchange& exchange, const Content& content, uint64_t now_ms);
  void start_fetch(Exchange& exchange, Content content, uint64_t now_ms);
  void start_look_up(Exchange& exchange, Content content, uint64_t now_ms);
  void answer_from(Fetch& fetch, Exchange& exchange, std::unique_ptr<FetchAnswer> answer,
                   uint64_t now_ms);
  /// A fetch of that content that a new reader can join; a new one where there is none. `joins` is
  /// set where it was under way already.
  [[nodiscard]] Fetch& fetch_of(const Content& content, const Exchange& exchange, bool& joins,
                                uint64_t now_ms);
  [[nodiscard]] bool is_short_of_memory() const;
  [[nodiscard]] bool is_too_busy_for(const Content& content, uint64_t now_ms);

  const Settings& settings_;
  const AnswerScene& scene_;
  Cache& cache_;
  FetchTable& fetches_;
  DenylistFeed& denials_;
  Memo memo_;             ///< What the list in force denies is not in it.
  size_t in_flight_ = 0;  ///< Exchanges that are served from a fetch, or wait for it.
  uint64_t joins_ = 0;
  BusyLimit busy_limit_{settings_.sheds_busy, settings_.fetches_busy, settings_.requests_max};
  std::function<uint64_t()> busy_us_;
  uint64_t shed_ = 0;
  uint64_t shed_busy_ = 0;
};

}  // namespace daphnis::worker

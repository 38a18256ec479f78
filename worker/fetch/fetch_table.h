#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <memory>
#include <vector>

#include "worker/fetch/fetch.h"

namespace daphnis::worker {

/// The fetches of a worker, found by their number, by the content that they get, and by the
/// question that they asked last. A fetch lives from add() to erase() or drop_if_unwanted(), and
/// has no readers when it dies, so that a reader may point to it. The fetches of the requests that
/// may wait (Settings::requests_max), those that warm the cache, and those whose spools other
/// workers read bound the table. Owned by the Worker.
class FetchTable {
 public:
  /// `broker` is told of fetches that are dropped.
  explicit FetchTable(BrokerSession& broker) : broker_(broker) {}

  /// Adds a fetch. Readers of its content join it from now on, and no older one.
  Fetch& add(std::unique_ptr<Fetch> fetch);
  /// Destroys a fetch, which has no readers.
  void erase(const Fetch& fetch);
  /// Cancels and destroys the fetch where it is wanted no more. To be called after anything that
  /// may have ended it or taken its last reader.
  void drop_if_unwanted(Fetch& fetch, uint64_t now_ms);

  /// The fetch of that number; null where there is none.
  [[nodiscard]] Fetch* find(FetchId id) const;
  /// The fetch whose last question has that number; null where there is none.
  [[nodiscard]] Fetch* find_asked(QuestionId question_id) const;
  /// The fetch of that content that a new reader can join; null where there is none.
  [[nodiscard]] Fetch* find_joinable(const RequestKey& key) const;
  /// True where a fetch gets that content, be it too late to join it.
  [[nodiscard]] bool is_under_way(const RequestKey& key) const { return by_key_.contains(key); }

  /// The number of the fetch's next question where it asks the same again: that of its last one,
  /// and before the first one the fetch's own.
  [[nodiscard]] static QuestionId same_question(const Fetch& fetch);
  /// The fetch's next question has that number, so that messages about its last one do not find it.
  void set_next_question(const Fetch& fetch, QuestionId question_id);

  /// Notes that the fetch was refused for now, and asks again at its next call.
  void set_asks_again(const Fetch& fetch) { asks_again_.insert(fetch.id()); }
  /// True, once, after set_asks_again().
  [[nodiscard]] bool take_asks_again(const Fetch& fetch) {
    return asks_again_.erase(fetch.id()) > 0;
  }

  /// All fetches, oldest first, since the table's sequence differs between runs.
  [[nodiscard]] std::vector<Fetch*> oldest_first() const;
  [[nodiscard]] size_t size() const { return fetches_.size(); }

 private:
  BrokerSession& broker_;
  absl::flat_hash_map<FetchId, std::unique_ptr<Fetch>> fetches_;
  /// The fetch of each content that was added last, while it lives.
  absl::flat_hash_map<RequestKey, FetchId> by_key_;
  /// The fetch of each last question that was not its first.
  absl::flat_hash_map<QuestionId, FetchId> asked_anew_;
  absl::flat_hash_set<FetchId> asks_again_;
};

}  // namespace daphnis::worker

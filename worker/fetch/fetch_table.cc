#include "worker/fetch/fetch_table.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::worker {

Fetch& FetchTable::add(std::unique_ptr<Fetch> fetch) {
  by_key_.insert_or_assign(fetch->key(), fetch->id());
  return *fetches_.emplace(fetch->id(), std::move(fetch)).first->second;
}

void FetchTable::erase(const Fetch& fetch) {
  check(!fetch.has_readers(), "a fetch was erased that has readers");
  const FetchId id = fetch.id();
  const auto by_key = by_key_.find(fetch.key());
  if (by_key != by_key_.end() && by_key->second == id) by_key_.erase(by_key);
  asked_anew_.erase(fetch.question_id());
  asks_again_.erase(id);
  fetches_.erase(id);
}

void FetchTable::drop_if_unwanted(Fetch& fetch, uint64_t now_ms) {
  if (fetch.is_wanted(now_ms)) return;
  const bool is_running =
      fetch.state() == Fetch::State::kAsking || fetch.state() == Fetch::State::kStreaming;
  if (is_running) {
    broker_.send(ipc::CancelFetch{std::to_underlying(fetch.question_id())});
    fetch.cancel(now_ms);
  }
  erase(fetch);
}

Fetch* FetchTable::find(FetchId id) const {
  const auto found = fetches_.find(id);
  return found == fetches_.end() ? nullptr : found->second.get();
}

Fetch* FetchTable::find_asked(QuestionId question_id) const {
  const auto anew = asked_anew_.find(question_id);
  const FetchId first_asked{std::to_underlying(question_id)};
  Fetch* fetch = find(anew == asked_anew_.end() ? first_asked : anew->second);
  return fetch && fetch->question_id() == question_id ? fetch : nullptr;
}

Fetch* FetchTable::find_joinable(const RequestKey& key) const {
  const auto known = by_key_.find(key);
  Fetch* fetch = known == by_key_.end() ? nullptr : find(known->second);
  return fetch && fetch->is_joinable() ? fetch : nullptr;
}

QuestionId FetchTable::same_question(const Fetch& fetch) {
  const QuestionId last = fetch.question_id();
  return is_none(last) ? QuestionId{std::to_underlying(fetch.id())} : last;
}

void FetchTable::set_next_question(const Fetch& fetch, QuestionId question_id) {
  asked_anew_.erase(fetch.question_id());
  asked_anew_.emplace(question_id, fetch.id());
}

std::vector<Fetch*> FetchTable::oldest_first() const {
  std::vector<Fetch*> all;
  all.reserve(fetches_.size());
  for (const auto& [id, fetch] : fetches_) all.push_back(fetch.get());
  std::ranges::sort(all, {}, &Fetch::id);
  return all;
}

}  // namespace daphnis::worker

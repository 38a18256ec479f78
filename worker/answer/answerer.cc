#include "worker/answer/answerer.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/request/denial_outcome.h"
#include "worker/answer/cache_search.h"
#include "worker/answer/hit_answer.h"
#include "worker/answer/resumed_answer.h"
#include "worker/answer/sub_dag_answer.h"

namespace daphnis::worker {

void Answerer::answer(Exchange& exchange, uint64_t now_ms) {
  std::string memo_key = cache_.is_on() ? memo_key_of(exchange.request()) : std::string();
  if (!memo_key.empty() && answer_from_memo(exchange, memo_key, now_ms)) return;
  Decision decision = decide(exchange.request(), settings_.budget.sha1, &denials_.denylist());
  if (const auto* answer = std::get_if<Answer>(&decision)) {
    return give(exchange, *answer, scene_, CacheStatus::kNone, now_ms);
  }
  if (const auto* denied = std::get_if<DeniedContent>(&decision)) {
    return deny(exchange, denied->denial, denied->root, now_ms);
  }
  Content content = std::move(std::get<Content>(decision));
  const CachedFile* file = cache_.find_open(content.key);
  if (!file) return start_content(exchange, std::move(content), now_ms);
  answer_hit(exchange, content, *file, now_ms);
  if (!memo_key.empty()) memo_.add(std::move(memo_key), std::move(content));
}

/// Answers a frequent request from the memo and the open-file cache. False where either lacks it.
bool Answerer::answer_from_memo(Exchange& exchange, const std::string& memo_key, uint64_t now_ms) {
  const Memo::Entry content = memo_.find(memo_key);
  if (!content) return false;
  const CachedFile* file = cache_.find_open(content->key);
  if (file) answer_hit(exchange, *content, *file, now_ms);
  return file != nullptr;
}

void Answerer::deny(Exchange& exchange, const Denial& denial, const Cid& root, uint64_t now_ms) {
  denials_.note(denial, root, now_ms);
  const Answer answer = answer_for(outcome_of(denial));
  if (exchange.state() != Exchange::State::kWaiting) {
    return break_off(exchange, answer, scene_, now_ms);
  }
  give(exchange, answer, scene_, CacheStatus::kNone, now_ms);
}

void Answerer::start_content(Exchange& exchange, Content content, uint64_t now_ms) {
  if (!cache_.is_on() || fetches_.is_under_way(content.key)) {
    return on_not_cached(exchange, std::move(content), now_ms);
  }
  auto search = std::make_unique<CacheSearch>(exchange, std::move(content), cache_, *this);
  CacheSearch& begun = *search;
  exchange.set_responder(std::move(search));
  begun.start(now_ms);
}

void Answerer::answer_hit(Exchange& exchange, const Content& content, const CachedFile& file,
                          uint64_t now_ms) {
  cache_.count_hit(content.key, now_ms);
  worker::answer_hit(exchange, content, file, scene_, *this, now_ms);
}

/// True where fetches hold so much of what slow clients have not taken that a further one would
/// make it more.
bool Answerer::is_short_of_memory() const {
  return fetches_.window_bytes() >= limits::kFetchWindowsShedBytes;
}

/// True where so many fetches are under way that the process, which is busy all the time, would end
/// a further one too late. One that is under way may have any number of readers.
bool Answerer::is_too_busy_for(const Content& content, uint64_t now_ms) {
  if (!busy_us_ || is_under_way(content)) return false;
  if (!busy_limit_.is_over(fetches_.size(), now_ms, busy_us_)) return false;
  ++shed_busy_;
  return busy_limit_.is_on();
}

/// Counts the exchange as waiting. False where requests_max wait already.
bool Answerer::begin_waiting(Exchange& exchange) {
  if (exchange.facts.counts_in_flight) return true;
  if (in_flight_ >= settings_.requests_max) return false;
  ++in_flight_;
  exchange.facts.counts_in_flight = true;
  return true;
}

void Answerer::end_waiting(Exchange& exchange) {
  if (std::exchange(exchange.facts.counts_in_flight, false)) --in_flight_;
}

void Answerer::on_cached(Exchange& exchange, Content content, const CachedFile& file,
                         uint64_t now_ms) {
  answer_hit(exchange, content, file, now_ms);
}

void Answerer::on_whole_cached(Exchange& exchange, Content content, const RequestKey& key,
                               const CachedFile& file, uint64_t now_ms) {
  cache_.count_hit(key, now_ms);
  auto answer = std::make_unique<SubDagAnswer>(exchange, std::move(content), key, file, scene_,
                                               settings_.budget, cache_, *this);
  SubDagAnswer& begun = *answer;
  exchange.set_responder(std::move(answer));
  begun.start(now_ms);
}

void Answerer::on_not_cached(Exchange& exchange, Content content, uint64_t now_ms) {
  if (!content.only_if_cached) return start_fetch(exchange, std::move(content), now_ms);
  if (asks_for_one_block(content.request) && fetches_.may_look_up()) {
    return start_look_up(exchange, std::move(content), now_ms);
  }
  give(exchange, answer_for(Outcome::kNotCached), scene_, CacheStatus::kMiss, now_ms);
}

/// True where the worker has too much to do for a further request: then the answer is 503.
bool Answerer::is_shed(Exchange& exchange, const Content& content, uint64_t now_ms) {
  if (!is_short_of_memory() && !is_too_busy_for(content, now_ms) && begin_waiting(exchange)) {
    return false;
  }
  ++shed_;
  give(exchange, answer_for(Outcome::kOverloaded), scene_, CacheStatus::kNone, now_ms);
  return true;
}

/// Answers from a fetch, a new one or one that is under way.
void Answerer::start_fetch(Exchange& exchange, Content content, uint64_t now_ms) {
  if (is_shed(exchange, content, now_ms)) return;
  bool joins = false;
  Fetch& fetch = fetch_of(content, exchange, joins, now_ms);
  auto answer = std::make_unique<ContentAnswer>(exchange, std::move(content), fetch,
                                                joins ? CacheStatus::kFetching : CacheStatus::kMiss,
                                                scene_, fetches_);
  answer_from(fetch, exchange, std::move(answer), now_ms);
}

/// Answers with one block, if the broker knows a cached file that holds it.
void Answerer::start_look_up(Exchange& exchange, Content content, uint64_t now_ms) {
  if (is_shed(exchange, content, now_ms)) return;
  CarRequest wanted = to_fetch(content);
  const RequestKey key = key_of(wanted);
  Fetch& fetch = fetches_.look_up(std::move(wanted), key, exchange.facts.request_id, now_ms);
  auto answer = std::make_unique<ContentAnswer>(exchange, std::move(content), fetch,
                                                CacheStatus::kMiss, scene_, fetches_);
  answer_from(fetch, exchange, std::move(answer), now_ms);
}

bool Answerer::go_on(Exchange& exchange, Content content, Rest rest, uint64_t now_ms) {
  if (!begin_waiting(exchange)) return false;
  bool joins = false;
  Fetch& fetch = fetch_of(content, exchange, joins, now_ms);
  auto answer = std::make_unique<ResumedAnswer>(exchange, fetch, rest, scene_, fetches_);
  answer_from(fetch, exchange, std::move(answer), now_ms);
  return true;
}

void Answerer::answer_from(Fetch& fetch, Exchange& exchange, std::unique_ptr<FetchAnswer> answer,
                           uint64_t now_ms) {
  FetchReader& reader = *answer;
  exchange.set_responder(std::move(answer));
  fetch.add_reader(reader, now_ms);
  fetches_.drop_if_unwanted(fetch, now_ms);
}

Fetch& Answerer::fetch_of(const Content& content, const Exchange& exchange, bool& joins,
                          uint64_t now_ms) {
  CarRequest wanted = to_fetch(content);
  const RequestKey key = content.is_head ? key_of(wanted) : content.key;
  Fetch* fetch = fetches_.find_joinable(key);
  joins = fetch != nullptr;
  if (!joins) {
    return fetches_.begin(std::move(wanted), key, exchange.facts.request_id,
                          exchange.client().network, now_ms);
  }
  ++joins_;
  return *fetch;
}

void Answerer::on_cached_file_lost(const RequestKey& key, int error) {
  // EBADMSG says that a checksum does not hold, either one of the cached file's or one of the file
  // system's.
  const bool is_corrupt = error == 0 || error == EBADMSG;
  cache_.report(key, is_corrupt ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable,
                error == 0         ? "shorter than its footer says"
                : error == EBADMSG ? "a checksum does not hold"
                                   : std::strerror(error));
}

}  // namespace daphnis::worker

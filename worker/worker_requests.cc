// The part of Worker that answers requests: from a decision, from the cache, or by beginning a
// fetch.

#include <cstring>
#include <utility>

#include "common/base/limits.h"
#include "common/base/uuid.h"
#include "worker/client/access_line.h"
#include "worker/worker.h"

namespace daphnis::worker {

void Worker::name_request(Exchange& exchange) {
  if (const auto given = client_request_id(exchange.request())) {
    exchange.facts.request_id = *given;
    return;
  }
  Uuid random{};
  random_(random);
  exchange.facts.request_id = text_of(uuid_v4(random));
}

void Worker::on_request(Exchange& exchange, uint64_t now_ms) {
  name_request(exchange);
  std::string memo_key = cache_.is_on() ? memo_key_of(exchange.request()) : std::string();
  if (!memo_key.empty() && answer_from_memo(exchange, memo_key, now_ms)) return;
  Decision decision = decide(exchange.request(), settings_.budget.sha1);
  if (const auto* answer = std::get_if<Answer>(&decision)) {
    return give(exchange, *answer, scene_, CacheStatus::kNone, now_ms);
  }
  Content content = std::move(std::get<Content>(decision));
  const CachedFile* file = cache_.find_open(content.key);
  if (!file) return start_content(exchange, std::move(content), now_ms);
  answer_hit(exchange, content, *file, now_ms);
  if (!memo_key.empty()) memo_.add(std::move(memo_key), std::move(content));
}

/// Answers a frequent request from the memo and the open-file cache. False where either lacks it.
bool Worker::answer_from_memo(Exchange& exchange, const std::string& memo_key, uint64_t now_ms) {
  const Memo::Entry content = memo_.find(memo_key);
  if (!content) return false;
  const CachedFile* file = cache_.find_open(content->key);
  if (file) answer_hit(exchange, *content, *file, now_ms);
  return file != nullptr;
}

void Worker::on_refused(Exchange& exchange, const http::Refusal& refusal, uint64_t now_ms) {
  name_request(exchange);
  give(exchange, answer_for_parser(refusal), scene_, CacheStatus::kNone, now_ms);
}

void Worker::start_content(Exchange& exchange, Content content, uint64_t now_ms) {
  if (!begin_waiting(exchange)) {
    give(exchange, answer_for(FailureKind::kOverloaded), scene_, CacheStatus::kNone, now_ms);
    return;
  }
  if (!cache_.is_on() || is_under_way(content)) {
    return on_not_cached(exchange, std::move(content), now_ms);
  }
  SearchHost& host = *this;
  auto search = std::make_unique<CacheSearch>(exchange, std::move(content), cache_, host);
  CacheSearch& begun = *search;
  exchange.set_responder(std::move(search));
  begun.start(now_ms);
}

void Worker::answer_hit(Exchange& exchange, const Content& content, const CachedFile& file,
                        uint64_t now_ms) {
  cache_.count_hit(content.key, now_ms);
  HitHost& host = *this;
  worker::answer_hit(exchange, content, file, scene_, host, now_ms);
}

/// Counts the exchange as waiting. False where requests_max wait already.
bool Worker::begin_waiting(Exchange& exchange) {
  if (exchange.facts.counts_in_flight) return true;
  if (in_flight_ >= settings_.requests_max) return false;
  ++in_flight_;
  exchange.facts.counts_in_flight = true;
  return true;
}

/// The exchange waits for content no more: a slow client of content that is here is no overload.
void Worker::end_waiting(Exchange& exchange) {
  if (std::exchange(exchange.facts.counts_in_flight, false)) --in_flight_;
}

void Worker::on_cached(Exchange& exchange, Content content, const CachedFile& file,
                       uint64_t now_ms) {
  end_waiting(exchange);
  answer_hit(exchange, content, file, now_ms);
}

void Worker::on_whole_cached(Exchange& exchange, Content content, const RequestKey& key,
                             const CachedFile& file, uint64_t now_ms) {
  cache_.count_hit(key, now_ms);
  SubDagHost& host = *this;
  auto answer = std::make_unique<SubDagAnswer>(exchange, std::move(content), key, file, scene_,
                                               settings_.budget, cache_, host);
  SubDagAnswer& begun = *answer;
  exchange.set_responder(std::move(answer));
  begun.start(now_ms);
}

void Worker::on_sub_dag_missed(Exchange& exchange, Content content, uint64_t now_ms) {
  on_not_cached(exchange, std::move(content), now_ms);
}

void Worker::on_not_cached(Exchange& exchange, Content content, uint64_t now_ms) {
  if (!content.only_if_cached) return start_fetch(exchange, std::move(content), now_ms);
  give(exchange, answer_for(FailureKind::kNotCached), scene_, CacheStatus::kMiss, now_ms);
}

bool Worker::is_under_way(const Content& content) const {
  return fetches_.is_under_way(content.key);
}

void Worker::on_cached_file_lost(const RequestKey& key, int error) {
  // EBADMSG says that a checksum does not hold, either one of the cached file's or one of the file
  // system's.
  const bool is_corrupt = error == 0 || error == EBADMSG;
  cache_.report(key, is_corrupt ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable,
                error == 0         ? "shorter than its footer says"
                : error == EBADMSG ? "a checksum does not hold"
                                   : std::strerror(error));
}

void Worker::on_exchange_over(Exchange& exchange, ExchangeEnd end, uint64_t now_ms) {
  exchange.release(now_ms);
  if (exchange.facts.counts_in_flight) --in_flight_;
  count(exchange, end);
  access_lines_.push_back(access_line(exchange, end, now_ms));
}

void Worker::count(const Exchange& exchange, ExchangeEnd end) {
  ++stats_.requests;
  stats_.bytes_out += exchange.content_bytes_written();
  if (end == ExchangeEnd::kAborted || end == ExchangeEnd::kClientSlow) ++stats_.aborted;
  if (end == ExchangeEnd::kClientLeft) ++stats_.client_left;
  if (end != ExchangeEnd::kComplete) return;
  const int status = exchange.response().status;
  if (status < 300) {
    ++stats_.status_2xx;
  } else if (status < 400) {
    ++stats_.status_3xx;
  } else if (status < 500) {
    ++stats_.status_4xx;
  } else {
    ++stats_.status_5xx;
  }
}

}  // namespace daphnis::worker

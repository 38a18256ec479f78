#include "worker/answer/sub_dag_answer.h"

#include <utility>

#include "common/base/limits.h"
#include "worker/answer/answerer.h"

namespace daphnis::worker {

SubDagAnswer::SubDagAnswer(Exchange& exchange, Content content, const RequestKey& key,
                           const CachedFile& file, const AnswerScene& scene,
                           const WalkBudget& budget, Cache& cache, Answerer& answerer)
    : exchange_(exchange),
      content_(std::move(content)),
      key_(key),
      file_(file),
      scene_(scene),
      cache_(cache),
      answerer_(answerer),
      producer_(content_.request, budget) {}

void SubDagAnswer::start(uint64_t now_ms) {
  const auto on_done = [this](CacheRead read, uint64_t at_ms) { on_index(std::move(read), at_ms); };
  const CacheWaiterId waiter = cache_.index_of(key_, file_, on_done, now_ms);
  // Without a waiter this read has ended within the call; a read of a block may have a waiter.
  if (!is_none(waiter)) waiter_ = waiter;
}

void SubDagAnswer::on_index(CacheRead read, uint64_t now_ms) {
  waiter_ = {};
  if (read.outcome != CacheRead::Outcome::kDone) {
    complain(read);
    return give_up(now_ms);
  }
  index_ = std::move(read.index);
  exchange_.facts.cache = CacheStatus::kHit;
  if (content_.request.format == AnswerFormat::kRaw) return answer_raw(now_ms);
  if (!content_.is_head) return produce(now_ms);
  start_car(now_ms);
  exchange_.finish(now_ms);
}

void SubDagAnswer::answer_raw(uint64_t now_ms) {
  const auto place = index_->find(content_.request.root);
  if (!place) return give_up(now_ms);
  Response response =
      hit_response(exchange_, content_, scene_, file_.stored_s, place->size, now_ms);
  const uint64_t offset = place->offset + response.body_offset;
  const uint64_t size = *response.length;
  exchange_.start(std::move(response), now_ms);
  if (exchange_.state() != Exchange::State::kContent)
    return;  // The block does not have that range.
  if (file_.file) {
    exchange_.push(FileRange{file_.file, offset, size}, now_ms);
  } else {
    Slices part{file_.body.part(static_cast<size_t>(offset), static_cast<size_t>(size))};
    exchange_.push(part, now_ms);
  }
  exchange_.finish(now_ms);
}

void SubDagAnswer::start_car(uint64_t now_ms) {
  exchange_.start(hit_response(exchange_, content_, scene_, file_.stored_s, std::nullopt, now_ms),
                  now_ms);
}

void SubDagAnswer::produce(uint64_t now_ms) {
  now_ms_ = now_ms;
  while (!exchange_.is_full()) {
    Slices out;
    const Producer::State state = producer_.produce(*this, limits::kSubDagStepBytes, out);
    const bool is_first = exchange_.state() == Exchange::State::kWaiting;
    if (state == Producer::State::kFailed && out.empty()) return on_produce_failed(now_ms);
    if (is_first && !out.empty()) start_car(now_ms);
    if (!out.empty()) exchange_.push(out, now_ms);
    switch (state) {
      case Producer::State::kMore:
        break;
      case Producer::State::kWaiting:
        is_waiting_ = true;
        return;
      case Producer::State::kComplete:
        return exchange_.finish(now_ms);
      case Producer::State::kFailed:
        return on_produce_failed(now_ms);
    }
  }
}

/// Ends an answer whose walk has failed. A path that the file's blocks prove to be missing is as
/// good as the same proof from an L2.
void SubDagAnswer::on_produce_failed(uint64_t now_ms) {
  if (const auto& denial = producer_.denial()) {
    return answerer_.deny(exchange_, *denial, content_.request.root, now_ms);
  }
  if (!exchange_.may_take_back()) return go_on_elsewhere(now_ms);
  exchange_.take_back(now_ms);
  const bool is_path = !is_block_missing_ && producer_.failure().code == Errc::kNotFound;
  if (!is_path) return give_up(now_ms);
  give(exchange_, answer_for(Outcome::kPathNotFound), scene_, CacheStatus::kHit, now_ms);
}

void SubDagAnswer::go_on_elsewhere(uint64_t now_ms) {
  const Rest rest{.offset = exchange_.content_bytes_written() + exchange_.content().bytes()};
  if (is_block_missing_ && answerer_.go_on(exchange_, std::move(content_), rest, now_ms)) return;
  exchange_.facts.failure = answer_for(Outcome::kInternal).code;
  exchange_.abort(now_ms);
}

BlockSource::Read SubDagAnswer::read(const Cid& cid, Slices& into) {
  if (!awaited_) {
    const auto place = index_->find(cid);
    if (!place) {
      is_block_missing_ = true;
      return Read::kMissing;
    }
    if (!file_.file) {
      into.push_back(file_.body.part(static_cast<size_t>(place->offset), place->size));
      return Read::kOk;
    }
    const auto on_done = [this](CacheRead read, uint64_t at_ms) {
      on_block(std::move(read), at_ms);
    };
    is_reading_ = true;
    waiter_ = cache_.read(file_, place->offset, place->size, on_done, now_ms_);
    is_reading_ = false;
    if (!is_none(waiter_)) return Read::kLater;
  }
  CacheRead read = std::move(*std::exchange(awaited_, std::nullopt));
  if (read.outcome == CacheRead::Outcome::kDone) {
    if (read.bytes.size > 0) into.push_back(std::move(read.bytes));
    return Read::kOk;
  }
  complain(read);
  is_block_missing_ = true;
  return Read::kMissing;
}

void SubDagAnswer::on_block(CacheRead read, uint64_t now_ms) {
  awaited_ = std::move(read);
  if (is_reading_) return;
  waiter_ = {};
  is_waiting_ = false;
  produce(now_ms);
}

void SubDagAnswer::on_space(uint64_t now_ms) {
  const bool goes_on = exchange_.state() == Exchange::State::kContent && !is_waiting_;
  if (goes_on && content_.request.format == AnswerFormat::kCar) produce(now_ms);
}

bool SubDagAnswer::on_file_lost(const FileRange&, int error, uint64_t now_ms) {
  answerer_.on_cached_file_lost(key_, error);
  return resume_elsewhere(exchange_, std::move(content_), answerer_, now_ms);
}

void SubDagAnswer::complain(CacheRead& read) {
  const bool is_corrupt = read.outcome == CacheRead::Outcome::kCorrupt;
  if (!is_corrupt && read.outcome != CacheRead::Outcome::kUnreadable) return;
  const auto kind = is_corrupt ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable;
  cache_.report(key_, kind, std::move(read.detail));
}

void SubDagAnswer::give_up(uint64_t now_ms) {
  exchange_.facts.cache = CacheStatus::kNone;
  answerer_.on_not_cached(exchange_, std::move(content_), now_ms);
}

}  // namespace daphnis::worker

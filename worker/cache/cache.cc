#include "worker/cache/cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

void Cache::on_broker_up(const ipc::Welcome& welcome) {
  is_open_ = !welcome.cache_dir.empty();
  hits_.clear();
  forget_files();
  if (reads_) reads_->set_folder(welcome.cache_dir, welcome.filter);
}

void Cache::forget_files() {
  open_files_.clear();
  for (auto& [id, look] : looks_) look.is_unlinked = true;
  look_of_key_.clear();
}

CacheWaiterId Cache::look_up(const RequestKey& key, std::span<const RequestKey> next, Done done,
                             uint64_t now_ms) {
  if (const CachedFile* file = open_files_.find(key)) {
    done({.file = file}, now_ms);
    return {};
  }
  const auto under_way = look_of_key_.find(key);
  Look* known = under_way == look_of_key_.end() ? nullptr : &looks_.at(under_way->second);
  if (known && known->deadline_ms != kNever) {
    const CacheWaiterId waiter{++last_number_};
    known->waiters.push_back({waiter, std::move(done)});
    return waiter;
  }
  if (known || !is_on() || looks_.size() >= limits::kCacheLooksMax) {
    done({}, now_ms);
    return {};
  }
  const CacheQueryId id{++last_number_};
  CacheLook look;
  if (reads_->look_up(key, next, id, look) == CacheReads::When::kNow) {
    done(take(key, std::move(look)), now_ms);
    return {};
  }
  Look& later = looks_
                    .emplace(id, Look{.key = key,
                                      .deadline_ms = now_ms + limits::kCacheLookMs,
                                      .token = std::make_shared<char>()})
                    .first->second;
  look_of_key_.emplace(key, id);
  unlinks_.watch(key, later.token);
  const CacheWaiterId waiter{++last_number_};
  later.waiters.push_back({waiter, std::move(done)});
  return waiter;
}

CacheWaiterId Cache::read(const CachedFile& file, uint64_t offset, size_t size, ReadDone done,
                          uint64_t now_ms) {
  CacheRead read{.outcome = CacheRead::Outcome::kUnavailable};
  if (!reads_) {
    done(std::move(read), now_ms);
    return {};
  }
  const CacheQueryId id{++last_number_};
  if (reads_->read(file.file, offset, size, id, read) == CacheReads::When::kLater) {
    return await(id, std::move(done), now_ms);
  }
  done(std::move(read), now_ms);
  return {};
}

CacheWaiterId Cache::index_of(const RequestKey& key, const CachedFile& file, ReadDone done,
                              uint64_t now_ms) {
  CacheRead read{.outcome = CacheRead::Outcome::kDone, .index = file.index};
  if (!read.index && !file.file) {
    Result<BlockIndex> index = BlockIndex::from_car(file.body.bytes());
    if (index) {
      read.index = std::make_shared<BlockIndex>(std::move(*index));
      open_files_.set_index(key, read.index);
    } else {
      read = {.outcome = CacheRead::Outcome::kCorrupt, .detail = index.error().text()};
    }
  }
  if (read.index || !file.file) {
    done(std::move(read), now_ms);
    return {};
  }
  const auto keep = [this, key, done = std::move(done)](CacheRead made, uint64_t at_ms) {
    if (made.index) open_files_.set_index(key, made.index);
    done(std::move(made), at_ms);
  };
  const CacheQueryId id{++last_number_};
  if (reads_->index_of(file, id, read) == CacheReads::When::kLater) return await(id, keep, now_ms);
  keep(std::move(read), now_ms);
  return {};
}

CacheWaiterId Cache::await(CacheQueryId id, ReadDone done, uint64_t now_ms) {
  readings_.emplace(id, Reading{now_ms + limits::kCacheLookMs, std::move(done)});
  // A read has one waiter, whose number is the read's.
  return CacheWaiterId{std::to_underlying(id)};
}

void Cache::on_read(CacheQueryId id, CacheRead read, uint64_t now_ms) {
  auto reading = readings_.extract(id);
  if (!reading.empty()) reading.mapped().done(std::move(read), now_ms);
}

void Cache::forget(CacheWaiterId waiter) {
  if (is_none(waiter)) return;
  if (readings_.erase(CacheQueryId{std::to_underlying(waiter)}) > 0) return;
  for (auto& [id, look] : looks_) {
    if (std::erase_if(look.waiters, [&](const Waiter& w) { return w.id == waiter; }) > 0) return;
  }
}

void Cache::on_look(CacheQueryId id, CacheLook look, uint64_t now_ms) {
  const auto found = looks_.find(id);
  if (found == looks_.end()) return;
  Look asked = std::move(found->second);
  looks_.erase(found);
  Found what;
  if (!asked.is_unlinked) {
    look_of_key_.erase(asked.key);
    what = take(asked.key, std::move(look));
  }
  asked.token.reset();
  tell(std::move(asked.waiters), what, now_ms);
}

/// Adds a found file to the open-file cache, or reports its fault to the broker.
Cache::Found Cache::take(const RequestKey& key, CacheLook look) {
  switch (look.outcome) {
    case CacheLook::Outcome::kFound:
      break;
    case CacheLook::Outcome::kMissing:
      return {.is_missing = true};
    case CacheLook::Outcome::kCorrupt:
      report(key, ipc::CacheFaultKind::kCorrupt, std::move(look.detail));
      return {};
    case CacheLook::Outcome::kUnreadable:
      report(key, ipc::CacheFaultKind::kUnreadable, std::move(look.detail));
      return {};
    case CacheLook::Outcome::kDenied:
      open_files_.drop(key);
      broker_.send(ipc::CacheFault{.key = key,
                                   .kind = ipc::CacheFaultKind::kDenied,
                                   .detail = {},
                                   .by = {.denylist_id = judges_by_,
                                          .rule = look.denial.rule,
                                          .is_legal = look.denial.is_legal}});
      return {.denial = look.denial};
    case CacheLook::Outcome::kUnchecked:
      return {};
  }
  if (look.file.file) unlinks_.watch(key, look.file.file);
  return {.file = &open_files_.add(key, std::move(look.file))};
}

void Cache::tell(std::vector<Waiter> waiters, Found found, uint64_t now_ms) {
  // A waiter's own look-up may push this file out of the open-file cache, so the waiters get a
  // copy.
  const CachedFile file = found.file ? *found.file : CachedFile{};
  if (found.file) found.file = &file;
  for (Waiter& waiter : waiters) waiter.done(found, now_ms);
}

void Cache::count_hit(const RequestKey& key, uint64_t now_ms) {
  ++hits_[key];
  if (hits_.size() >= limits::kCacheHitsMax) return send_hits();
  hits_ms_ = std::min(hits_ms_, now_ms + limits::kCacheHitsEveryMs);
}

void Cache::send_hits() {
  hits_ms_ = kNever;
  if (hits_.empty()) return;
  ipc::CacheHits message;
  message.hits.reserve(hits_.size());
  for (const auto& [key, hits] : hits_) message.hits.push_back({.key = key, .hits = hits});
  // The table's sequence differs between runs.
  std::ranges::sort(message.hits, {}, &ipc::KeyHits::key);
  hits_.clear();
  broker_.send(std::move(message));
}

void Cache::report(const RequestKey& key, ipc::CacheFaultKind kind, std::string detail) {
  open_files_.drop(key);
  broker_.send(ipc::CacheFault{.key = key, .kind = kind, .detail = std::move(detail)});
}

void Cache::on_unlink(const ipc::Unlink& unlink, uint64_t now_ms) {
  for (const RequestKey& key : unlink.keys) {
    open_files_.drop(key);
    const auto look = look_of_key_.find(key);
    if (look == look_of_key_.end()) continue;
    looks_.at(look->second).is_unlinked = true;
    look_of_key_.erase(look);
  }
  unlinks_.on_unlink(unlink);
  send_unlinked(now_ms);
}

/// Tells the broker which unlinked files are closed, and looks again later where any is not.
void Cache::send_unlinked(uint64_t now_ms) {
  for (ipc::Unlinked& done : unlinks_.take_done()) broker_.send(std::move(done));
  unlinks_ms_ = unlinks_.has_pending() ? now_ms + limits::kUnlinkedEveryMs : kNever;
}

void Cache::on_time(uint64_t now_ms) {
  if (now_ms >= hits_ms_) send_hits();
  if (now_ms >= unlinks_ms_) send_unlinked(now_ms);
  std::vector<Waiter> late;
  for (auto& [id, look] : looks_) {
    if (look.deadline_ms > now_ms) continue;
    std::ranges::move(look.waiters, std::back_inserter(late));
    look.waiters.clear();
    look.deadline_ms = kNever;  // The result may still come, and serve later requests.
  }
  tell(std::move(late), {}, now_ms);
  while (!readings_.empty() && readings_.begin()->second.deadline_ms <= now_ms) {
    on_read(readings_.begin()->first, {.outcome = CacheRead::Outcome::kUnavailable}, now_ms);
  }
}

uint64_t Cache::next_call_ms() const {
  uint64_t next_ms = std::min(hits_ms_, unlinks_ms_);
  if (!readings_.empty()) next_ms = std::min(next_ms, readings_.begin()->second.deadline_ms);
  for (const auto& [id, look] : looks_) next_ms = std::min(next_ms, look.deadline_ms);
  return next_ms;
}

}  // namespace daphnis::worker

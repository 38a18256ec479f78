#include "broker/cache/cache.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"

/// The part of the cache for entries and the folder; cache_spools.cc has the spools.
namespace daphnis::broker {

Cache::Cache(Context& context) : context_(context), deferred_frees_(context) {
  const Settings& settings = context.settings;
  if (settings.cache_dir.empty()) return;
  index_ = std::make_unique<CacheIndex>(CacheIndex::Settings{
      .limit_bytes = settings.cache_limit_bytes, .policy = settings.cache_policy});
  index_->begin_scan();  // The scan that the folder begins with.
  make_block_index();
}

void Cache::set_filter(const CountingBloomFilter& filter, std::string path) {
  check(index_ != nullptr, "a counting Bloom filter without a cache");
  index_->set_filter(filter);
  filter_path_ = std::move(path);
}

void Cache::on_request(const RequestKey& key) {
  if (index_) index_->on_request(key);
}

bool Cache::holds(const RequestKey& key) const {
  return index_ && !is_storing(key) && index_->find(key);
}

ipc::Admission Cache::admission(const RequestKey& key) const {
  // A size above those that the policy admits at the first request.
  constexpr uint64_t kLargeBytes = limits::kAdmitSmallBytesMax + 1;
  if (!is_up() || index_->is_scanning()) return ipc::Admission::kNo;
  if (index_->admits(key, kLargeBytes)) return ipc::Admission::kYes;
  return index_->admits(key, limits::kAdmitSmallBytesMax) ? ipc::Admission::kIfSmall
                                                          : ipc::Admission::kNo;
}

bool Cache::on_message(WorkerId, const ipc::CacheHits& message, uint64_t now_ms) {
  if (message.hits.size() > limits::kCacheHitsMax) return false;
  if (index_) index_->set_time(now_ms);
  for (const ipc::KeyHits& one : message.hits) {
    context_.counters.cache_hits += one.hits;
    if (!index_) continue;
    index_->on_hits(one.key, one.hits);
    want_proof(one.key);
  }
  return true;
}

bool Cache::on_message(WorkerId id, const ipc::CacheFault& message, uint64_t) {
  // A file that has no name yet cannot be found, and nothing is wrong with it.
  const bool is_early = message.kind == ipc::CacheFaultKind::kMissing && is_storing(message.key);
  if (!index_ || is_early) return true;
  if (message.kind == ipc::CacheFaultKind::kDenied) {
    drop_denied(message.key, message.by);
    pump();
    return true;
  }
  ++context_.counters.cache_faults;
  if (message.kind == ipc::CacheFaultKind::kCorrupt) {
    quarantine(message.key, message.detail, "a worker");
  } else {
    context_.out.log(
        LogLevel::kWarn,
        LogLine("cache_file_lost")
            .add("file", cache_file_name(message.key))
            .add("worker", peers_[id].index)
            .add("reason", message.kind == ipc::CacheFaultKind::kMissing ? "it is not there"
                                                                         : message.detail));
    drop(message.key);
  }
  pump();
  return true;
}

bool Cache::on_message(WorkerId id, const ipc::Unlinked& message, uint64_t) {
  deferred_frees_.on_confirmed(message.deferred_free, id);
  pump();
  return true;
}

void Cache::drop(const RequestKey& key) {
  CacheIndex::Evicted evicted = index_->remove(key);
  // The file is unlinked even where the index does not know it, since a worker has found it.
  if (evicted.deferred_free == 0) evicted.keys.push_back(key);
  defer_free(std::move(evicted));
}

void Cache::quarantine(const RequestKey& key, const std::string& why, std::string_view by) {
  ++context_.counters.cache_quarantined;
  context_.out.log(LogLevel::kWarn, LogLine("cache_file_corrupt")
                                        .add("file", cache_file_name(key))
                                        .add("found_by", by)
                                        .add("reason", why));
  context_.out.push(GiveTask{Quarantine{key, why}});
  drop(key);
}

void Cache::on_folder(const FolderEvent& event, uint64_t now_ms) {
  // Without a cache the folder has only spools to unlink.
  if (!index_ && !std::holds_alternative<FilesUnlinked>(event)) return;
  std::visit([&](const auto& one) { on_event(one, now_ms); }, event);
  pump();
}

void Cache::on_event(const FileStored& event, uint64_t) {
  const auto found = storing_.find(event.spool);
  if (found == storing_.end()) return;
  const Storing storing = std::move(found->second);
  storing_.erase(found);
  const auto latest = storing_by_key_.find(storing.key);
  const bool is_latest = latest != storing_by_key_.end() && latest->second == event.spool;
  if (is_latest) storing_by_key_.erase(latest);
  // The entry may have been evicted or purged meanwhile.
  const auto entry = index_->find(storing.key);
  bool is_held = is_latest && entry.has_value();
  if (event.is_stored) {
    ++context_.counters.cache_stores;
  } else {
    ++context_.counters.cache_stores_failed;
    context_.out.log(LogLevel::kWarn, LogLine("cache_file_not_stored")
                                          .add("file", cache_file_name(storing.key))
                                          .add("reason", event.why));
    unlink_spool(ipc::SpoolPlace::kCache, storing.name);
    if (is_held) drop(storing.key);
    is_held = false;
  }
  // A wall clock that goes back makes no new file older than those of before.
  if (is_held) {
    const uint32_t stored_s = std::max(stored_last_s_, entry->stored_s);
    if (event.blocks) {
      know_blocks(storing.key, stored_s, *event.blocks);
    } else {
      want_blocks(storing.key, stored_s);
    }
  }
  if (peers_.contains(event.spool.worker)) {
    context_.tell(event.spool.worker, ipc::SpoolStored{event.spool.number, is_held});
  }
  ended_stores_.push_back(storing.key);
}

void Cache::on_event(const FilesUnlinked& event, uint64_t) {
  std::vector<WorkerId> workers;
  for (const auto& [id, peer] : peers_) workers.push_back(id);
  deferred_frees_.on_files_unlinked(event.deferred_free, workers);
}

void Cache::on_event(const FilesFound& event, uint64_t) {
  for (const CacheEntry& entry : event.entries) {
    index_->found(entry);
    want_blocks(entry.key, entry.stored_s);
  }
  // Workers may have the file open, even where the index does not know it.
  for (const RequestKey& key : event.lost) drop(key);
  if (!event.is_last) return;
  defer_free(index_->remove_unseen());
  start_proof();
  list_blocks();
  judge_next();
}

void Cache::on_event(const FileCorrupt& event, uint64_t) {
  quarantine(event.key, event.why, "the scrubber");
  end_proof(event.key, false);
}

void Cache::on_event(const FileProven& event, uint64_t now_ms) {
  index_->set_time(now_ms);
  end_proof(event.key, event.is_good);
}

void Cache::on_event(const FolderHealth& event, uint64_t) {
  if (event.is_up == is_folder_up_) return;
  is_folder_up_ = event.is_up;
  if (event.is_up) {
    context_.out.log(LogLevel::kInfo, LogLine("cache_up"));
    return;
  }
  ++context_.counters.cache_downs;
  forget_proof();
  listing_.reset();  // The folder drops that task, and the next scan finds the file again.
  begin_sweep();
  context_.out.log(LogLevel::kError, LogLine("cache_down").add("reason", event.why));
  index_->begin_scan();
  while (!waiting_.empty()) refuse_waiting();
}

void Cache::defer_free(CacheIndex::Evicted&& evicted) {
  if (blocks_) {
    for (const RequestKey& key : evicted.keys) blocks_->forget(key);
  }
  deferred_frees_.add(evicted.deferred_free, std::move(evicted.keys));
}

void Cache::pump() {
  for (const DeferredFrees::Freed& freed : deferred_frees_.take_freed()) {
    if (freed.place == ipc::SpoolPlace::kSpoolDir) {
      spool_dir_bytes_ -= freed.bytes;
    } else if (index_ && freed.index_free != 0) {
      index_->freed(freed.index_free);
    } else if (index_) {
      index_->release(freed.spool);
    }
  }
  if (!index_) return;
  CacheIndex::Evicted evicted = index_->evict_to_fit();
  context_.counters.cache_evictions += evicted.keys.size();
  defer_free(std::move(evicted));
  for (const SpoolId& id : index_->grants()) {
    std::erase_if(waiting_, [&](const Waiting& one) { return one.spool == id; });
    Spool* spool = find(id);
    if (spool) grant(id, *spool, std::exchange(spool->asked, 0));
  }
}

}  // namespace daphnis::broker

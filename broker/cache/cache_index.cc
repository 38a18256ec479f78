#include "broker/cache/cache_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

/// The hash for the frequency sketch. The key is a digest already; a collision that somebody makes
/// only lends one key the popularity of another.
uint64_t hash_of(const RequestKey& key) {
  uint64_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

}  // namespace

CacheIndex::CacheIndex(const Settings& settings)
    : settings_(settings), policy_(make_cache_policy(settings.policy, settings.keys_tracked)) {}

void CacheIndex::on_request(const RequestKey& key) {
  policy_->on_request(hash_of(key));
}

bool CacheIndex::admits(const RequestKey& key, uint64_t size) const {
  if (settings_.limit_bytes == 0 || size > settings_.limit_bytes) return false;
  const double fill = static_cast<double>(held_bytes_) / static_cast<double>(settings_.limit_bytes);
  return policy_->admits(hash_of(key), size, fill);
}

CacheIndex::Reserve CacheIndex::reserve(const SpoolId& spool, uint64_t bytes) {
  uint64_t& reserved = spools_[spool];
  const bool fits = bytes <= settings_.limit_bytes && reserved <= settings_.limit_bytes - bytes;
  if (is_scanning_ || !fits || waiting_.size() >= limits::kCacheWaitingMax)
    return Reserve::kRefused;
  if (waiting_.empty() && charged_bytes() + bytes <= settings_.limit_bytes) {
    reserved += bytes;
    reserved_bytes_ += bytes;
    return Reserve::kGranted;
  }
  waiting_.push_back({spool, bytes});
  waiting_bytes_ += bytes;
  return Reserve::kWaits;
}

std::vector<SpoolId> CacheIndex::grants() {
  std::vector<SpoolId> granted;
  while (!waiting_.empty() && charged_bytes() + waiting_.front().bytes <= settings_.limit_bytes) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    waiting_bytes_ -= next.bytes;
    spools_[next.spool] += next.bytes;
    reserved_bytes_ += next.bytes;
    granted.push_back(next.spool);
  }
  return granted;
}

void CacheIndex::store(const SpoolId& spool, const CacheEntry& entry) {
  check(!slot_of(entry.key), "a cache entry is stored twice");
  release(spool);
  insert(entry);
}

void CacheIndex::hold(const SpoolId& spool, uint64_t bytes) {
  spools_[spool] += bytes;
  reserved_bytes_ += bytes;
}

void CacheIndex::release(const SpoolId& spool) {
  const auto found = spools_.find(spool);
  if (found == spools_.end()) return;
  reserved_bytes_ -= found->second;
  spools_.erase(found);
  stop_waiting(spool);
}

void CacheIndex::stop_waiting(const SpoolId& spool) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.spool != spool) return false;
    waiting_bytes_ -= waiting.bytes;
    return true;
  });
}

size_t CacheIndex::release_all(WorkerId worker) {
  std::vector<SpoolId> gone;
  for (const auto& [spool, bytes] : spools_) {
    if (spool.worker == worker) gone.push_back(spool);
  }
  for (const SpoolId& spool : gone) release(spool);
  return gone.size();
}

void CacheIndex::found(const CacheEntry& entry) {
  if (const auto slot = slot_of(entry.key)) {
    slots_[*slot].scan = scan_;
  } else {
    insert(entry);
  }
}

void CacheIndex::set_denylist(DenylistId id) {
  if (id == std::exchange(denylist_, id)) return;
  for (Slot& slot : slots_) slot.is_judged = false;
  unjudged_ = entries();
}

void CacheIndex::on_judged(const RequestKey& key) {
  const auto slot = slot_of(key);
  if (!slot || slots_[*slot].is_judged) return;
  slots_[*slot].is_judged = true;
  --unjudged_;
}

uint64_t CacheIndex::find_unjudged(uint64_t cursor, size_t count,
                                   std::vector<RequestKey>& keys) const {
  if (unjudged_ == 0) return 0;
  for (; cursor < slots_.size() && count > 0; ++cursor) {
    if (!slots_[cursor].is_held || slots_[cursor].is_judged) continue;
    keys.push_back(slots_[cursor].key);
    --count;
  }
  return cursor < slots_.size() ? cursor : 0;
}

void CacheIndex::set_time(uint64_t now_ms) {
  if (!began_ms_) began_ms_ = now_ms;
  clock_s_ = kClockBeginS + static_cast<uint32_t>((now_ms - *began_ms_) / 1000);
}

void CacheIndex::on_hits(const RequestKey& key, uint32_t hits) {
  for (uint32_t i = 0; i < std::min(hits, FrequencySketch::kCountMax); ++i) on_request(key);
  const auto slot = slot_of(key);
  if (!slot) return;  // The entry was evicted while the worker counted.
  slots_[*slot].hits += hits;
  slots_[*slot].used_s = clock_s_;
  policy_->touch(*slot, ++clock_);
}

bool CacheIndex::wants_proof(const RequestKey& key, uint32_t hours) {
  const auto slot = slot_of(key);
  if (!slot || slots_[*slot].is_proof_wanted) return false;
  const uint16_t proven_h = slots_[*slot].proven_h;
  if (proven_h != 0 && clock_h() - proven_h < static_cast<int64_t>(hours)) return false;
  slots_[*slot].is_proof_wanted = true;
  return true;
}

void CacheIndex::on_proof(const RequestKey& key, bool is_good) {
  const auto slot = slot_of(key);
  if (!slot) return;
  slots_[*slot].is_proof_wanted = false;
  if (is_good) slots_[*slot].proven_h = clock_h();
}

std::optional<CacheEntry> CacheIndex::find(const RequestKey& key) const {
  const auto slot = slot_of(key);
  if (!slot) return std::nullopt;
  return entry_of(*slot);
}

CacheIndex::Evicted CacheIndex::evict_to_fit() {
  Evicted evicted;
  // Deferred bytes will be free by themselves, so nothing is evicted for them.
  const auto wanted = [&] { return held_bytes_ + reserved_bytes_ + waiting_bytes_; };
  while (wanted() > settings_.limit_bytes || entries() > settings_.entries_max) {
    const auto victim = policy_->victim(++clock_);
    if (!victim) break;
    ++evictions_;
    evict_slot(*victim, evicted);
  }
  return evicted;
}

CacheIndex::Evicted CacheIndex::remove(const RequestKey& key) {
  Evicted evicted;
  if (const auto slot = slot_of(key)) evict_slot(*slot, evicted);
  return evicted;
}

CacheIndex::Evicted CacheIndex::remove_root(Bytes multihash) {
  Evicted evicted;
  for (CacheSlot slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].is_held) continue;
    if (std::ranges::equal(entry_of(slot).root.multihash(), multihash)) evict_slot(slot, evicted);
  }
  return evicted;
}

CacheIndex::Evicted CacheIndex::remove_all() {
  Evicted evicted;
  for (CacheSlot slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].is_held) evict_slot(slot, evicted);
  }
  return evicted;
}

CacheIndex::Evicted CacheIndex::remove_unused(uint64_t idle_s, size_t entries_max) {
  Evicted evicted;
  for (CacheSlot slot = 0; slot < slots_.size() && evicted.keys.size() < entries_max; ++slot) {
    if (slots_[slot].is_held && clock_s_ - slots_[slot].used_s > idle_s) evict_slot(slot, evicted);
  }
  return evicted;
}

void CacheIndex::begin_scan() {
  ++scan_;
  is_scanning_ = true;
  if (filter_) filter_->set_complete(false);
}

CacheIndex::Evicted CacheIndex::remove_unseen() {
  Evicted evicted;
  for (CacheSlot slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].is_held && slots_[slot].scan != scan_) evict_slot(slot, evicted);
  }
  is_scanning_ = false;
  if (filter_) filter_->set_complete(true);
  return evicted;
}

void CacheIndex::freed(uint64_t deferred_free) {
  const auto found = deferred_frees_.find(deferred_free);
  if (found == deferred_frees_.end()) return;
  deferred_bytes_ -= found->second;
  deferred_frees_.erase(found);
}

void CacheIndex::insert(const CacheEntry& entry) {
  CacheSlot slot = static_cast<CacheSlot>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Slot& to = slots_[slot];
  to = Slot{.key = entry.key,
            .root = {},
            .size = entry.size,
            .stored_s = entry.stored_s,
            .used_s = clock_s_ - std::min(entry.idle_s, clock_s_),
            .hits = entry.hits,
            .proven_h = static_cast<uint16_t>(clock_h() - std::min(entry.unproven_h, clock_h())),
            .is_held = true,
            .is_proof_wanted = false,
            .is_judged = entry.judged_by == denylist_,
            .scan = scan_};
  if (!to.is_judged) ++unjudged_;
  if (filter_) filter_->add(entry.key);
  const Bytes root = entry.root.bytes();
  if (root.size() <= kShortRootBytes) {
    std::ranges::copy(root, to.root.begin());
    to.root_bytes = static_cast<uint8_t>(root.size());
  } else {
    long_roots_.insert_or_assign(slot, entry.root);
  }
  by_key_.insert(slot);
  held_bytes_ += entry.size;
  policy_->add(slot, hash_of(entry.key), entry.size, ++clock_);
}

CacheEntry CacheIndex::entry_of(CacheSlot slot) const {
  const Slot& from = slots_[slot];
  const Cid root = from.root_bytes > 0
                       ? Cid::from_bytes(Bytes(from.root).first(from.root_bytes)).value_or(Cid())
                       : long_roots_.at(slot);
  return {.key = from.key,
          .root = root,
          .size = from.size,
          .stored_s = from.stored_s,
          .idle_s = clock_s_ - from.used_s,
          .hits = from.hits,
          .unproven_h = from.proven_h == 0 ? CacheEntry::kNeverHours
                                           : static_cast<uint16_t>(clock_h() - from.proven_h),
          .judged_by = from.is_judged ? denylist_ : 0};
}

std::optional<CacheSlot> CacheIndex::slot_of(const RequestKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return *found;
}

void CacheIndex::evict_slot(CacheSlot slot, Evicted& evicted) {
  if (evicted.deferred_free == 0) evicted.deferred_free = ++last_free_;
  evicted.keys.push_back(slots_[slot].key);
  deferred_frees_[evicted.deferred_free] += slots_[slot].size;
  deferred_bytes_ += slots_[slot].size;
  forget(slot);
}

void CacheIndex::forget(CacheSlot slot) {
  check(slots_[slot].is_held, "a cache slot is forgotten twice");
  policy_->remove(slot);
  if (filter_) filter_->remove(slots_[slot].key);
  held_bytes_ -= slots_[slot].size;
  if (!slots_[slot].is_judged) --unjudged_;
  by_key_.erase(slot);
  long_roots_.erase(slot);
  slots_[slot].is_held = false;
  free_.push_back(slot);
}

}  // namespace daphnis::broker
